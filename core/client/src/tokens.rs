//! Where the refresh token is kept: the operating system's keyring if there is one, else a private file, said plainly.
//!
//! A keyring is asked in a thread of its own with a limit, because the daemon behind it may hang, may wait for a person
//! to unlock it, or may not exist (containers, Xvfb, a bare server). Once it did not answer in time it is not asked
//! again by this process. A token that the keyring did not take goes to the file, and the file is read first, so a
//! keyring that answers late can never bring an old token back.
//!
//! The entry is named by the device, so profiles, organisations and servers cannot mix.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use fil_protocol::DeviceId;

use crate::bridge::TokenChoice;
use crate::bridge::types::TokenPlace;
use crate::private_file;

/// The name under which a keyring shows the entries.
const KEYRING_ENTRY: &str = "Fil";
/// How long reaching the keyring may take.
const REACH_MAX: Duration = Duration::from_secs(3);
/// How long the keyring may take to answer: somebody may have to unlock it.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Keeps one refresh token.
pub(crate) trait TokenStore: Send + Sync + fmt::Debug {
    /// The token; none if there is none.
    fn load(&self) -> Result<Option<String>, TokenError>;
    /// Keeps another token instead. It is durable when this returns.
    fn save(&self, token: &str) -> Result<(), TokenError>;
    /// Forgets the token.
    fn remove(&self) -> Result<(), TokenError>;
    /// Where the token is.
    fn place(&self) -> TokenPlace;
}

/// The place for tokens failed. The text never holds a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The file system failed.
    #[error("the token file: {0}")]
    File(#[from] std::io::Error),
    /// The keyring failed, or there is none.
    #[error("the keyring: {0}")]
    Keyring(String),
}

/// The token of a device, in the keyring or in `file`.
pub(crate) fn tokens(choice: TokenChoice, device: DeviceId, file: PathBuf) -> Tokens {
    let forced = std::env::var_os("FIL_TOKENS").is_some_and(|place| place == "file");
    let keyring: Option<Box<dyn TokenStore>> = match choice {
        TokenChoice::Automatic if !forced => Some(Box::new(Keyring { device })),
        TokenChoice::Automatic | TokenChoice::PrivateFile => None,
    };
    Tokens { keyring, file: PrivateFile { path: file } }
}

/// The keyring where it works, else the file.
#[derive(Debug)]
pub(crate) struct Tokens {
    keyring: Option<Box<dyn TokenStore>>,
    file: PrivateFile,
}

impl TokenStore for Tokens {
    fn load(&self) -> Result<Option<String>, TokenError> {
        match (self.file.load()?, &self.keyring) {
            (None, Some(keyring)) => keyring.load(),
            (kept, _) => Ok(kept),
        }
    }

    fn save(&self, token: &str) -> Result<(), TokenError> {
        if let (Some(keyring), false) = (&self.keyring, self.file.path.exists()) {
            match keyring.save(token) {
                Ok(()) => return Ok(()),
                Err(error) => tracing::info!(%error, "the token goes to a private file"),
            }
        }
        self.file.save(token)
    }

    fn remove(&self) -> Result<(), TokenError> {
        let in_file = self.file.path.exists();
        self.file.remove()?;
        match &self.keyring {
            // Beside a file the keyring holds at most a token that was replaced long ago.
            Some(keyring) => keyring.remove().or_else(|error| if in_file { Ok(()) } else { Err(error) }),
            None => Ok(()),
        }
    }

    fn place(&self) -> TokenPlace {
        if self.keyring.is_none() || self.file.path.exists() { TokenPlace::PrivateFile } else { TokenPlace::Keyring }
    }
}

/// A file that only its owner can read.
#[derive(Debug)]
struct PrivateFile {
    path: PathBuf,
}

impl TokenStore for PrivateFile {
    fn load(&self) -> Result<Option<String>, TokenError> {
        Ok(private_file::read(&self.path)?)
    }

    fn save(&self, token: &str) -> Result<(), TokenError> {
        Ok(private_file::replace(&self.path, token.as_bytes())?)
    }

    fn remove(&self) -> Result<(), TokenError> {
        Ok(private_file::remove(&self.path)?)
    }

    fn place(&self) -> TokenPlace {
        TokenPlace::PrivateFile
    }
}

/// The operating system's keyring.
#[derive(Debug)]
struct Keyring {
    device: DeviceId,
}

/// Set once the keyring did not answer in time.
static HANGS: AtomicBool = AtomicBool::new(false);

impl Keyring {
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&keyring::Entry) -> keyring::Result<T> + Send + 'static,
    ) -> Result<T, TokenError> {
        let reached =
            within(REACH_MAX, || keyring::Entry::store_status().as_ref().map_err(ToString::to_string).copied());
        reached?.map_err(TokenError::Keyring)?;
        let name = self.device.to_string();
        let answer = within(ANSWER_MAX, move || keyring::Entry::new(KEYRING_ENTRY, &name).and_then(|e| question(&e)));
        // The text of a keyring's error names entries, never their content.
        answer?.map_err(|error| TokenError::Keyring(error.to_string()))
    }
}

impl TokenStore for Keyring {
    fn load(&self) -> Result<Option<String>, TokenError> {
        self.ask(|entry| match entry.get_password() {
            Ok(token) => Ok(Some(token)),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn save(&self, token: &str) -> Result<(), TokenError> {
        let token = token.to_owned();
        self.ask(move |entry| entry.set_password(&token))
    }

    fn remove(&self) -> Result<(), TokenError> {
        self.ask(|entry| match entry.delete_credential() {
            Err(error) if !matches!(error, keyring::Error::NoEntry) => Err(error),
            _ => Ok(()),
        })
    }

    fn place(&self) -> TokenPlace {
        TokenPlace::Keyring
    }
}

/// Runs a call that may hang, and stops waiting for it after a while. The thread stays behind, once per process.
fn within<T: Send + 'static>(limit: Duration, call: impl FnOnce() -> T + Send + 'static) -> Result<T, TokenError> {
    if HANGS.load(Ordering::Relaxed) {
        return Err(TokenError::Keyring("it did not answer in time before".to_owned()));
    }
    let (sender, answer) = mpsc::sync_channel(1);
    thread::Builder::new().name("fil-keyring".to_owned()).spawn(move || {
        // Nobody waits any more if this fails.
        let _ = sender.send(call());
    })?;
    answer.recv_timeout(limit).map_err(|_| {
        HANGS.store(true, Ordering::Relaxed);
        TokenError::Keyring("it does not answer".to_owned())
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A keyring for tests, in memory.
    #[derive(Debug, Default)]
    pub(crate) struct Memory {
        pub(crate) token: Mutex<Option<String>>,
        pub(crate) broken: AtomicBool,
    }

    impl Memory {
        fn check(&self) -> Result<(), TokenError> {
            if self.broken.load(Ordering::Relaxed) { Err(TokenError::Keyring("broken".to_owned())) } else { Ok(()) }
        }
    }

    impl TokenStore for std::sync::Arc<Memory> {
        fn load(&self) -> Result<Option<String>, TokenError> {
            self.check()?;
            Ok(self.token.lock().unwrap().clone())
        }

        fn save(&self, token: &str) -> Result<(), TokenError> {
            self.check()?;
            *self.token.lock().unwrap() = Some(token.to_owned());
            Ok(())
        }

        fn remove(&self) -> Result<(), TokenError> {
            self.check()?;
            *self.token.lock().unwrap() = None;
            Ok(())
        }

        fn place(&self) -> TokenPlace {
            TokenPlace::Keyring
        }
    }

    /// One contract for every place a token may be in.
    fn check_contract(store: &dyn TokenStore, place: TokenPlace) {
        assert_eq!(store.load().unwrap(), None);
        store.remove().unwrap();
        for token in ["first", "second"] {
            store.save(token).unwrap();
            assert_eq!(store.load().unwrap().as_deref(), Some(token));
        }
        assert_eq!(store.place(), place);
        store.remove().unwrap();
        assert_eq!(store.load().unwrap(), None);
    }

    #[test]
    fn every_place_keeps_replaces_and_forgets_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = || folder.path().join("token");
        let memory = std::sync::Arc::new(Memory::default());
        check_contract(&PrivateFile { path: path() }, TokenPlace::PrivateFile);
        check_contract(&memory, TokenPlace::Keyring);
        let device = DeviceId::from_parts(1, &[1; 10]);
        check_contract(&tokens(TokenChoice::PrivateFile, device, path()), TokenPlace::PrivateFile);
        let both = Tokens { keyring: Some(Box::new(memory)), file: PrivateFile { path: path() } };
        check_contract(&both, TokenPlace::Keyring);
    }

    /// A keyring that refuses, and later brings an old token back: the file holds the newest and wins.
    #[test]
    fn a_keyring_that_fails_is_replaced_by_the_file_and_stays_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let memory = std::sync::Arc::new(Memory::default());
        let file = PrivateFile { path: folder.path().join("token") };
        let both = Tokens { keyring: Some(Box::new(std::sync::Arc::clone(&memory))), file };
        both.save("old").unwrap();
        memory.broken.store(true, Ordering::Relaxed);
        assert!(both.load().is_err(), "an unreachable keyring is not an empty one");
        both.save("new").unwrap();
        memory.broken.store(false, Ordering::Relaxed);
        assert_eq!(both.load().unwrap().as_deref(), Some("new"));
        assert_eq!(both.place(), TokenPlace::PrivateFile);
        both.remove().unwrap();
        assert_eq!(both.load().unwrap(), None);
        assert_eq!(*memory.token.lock().unwrap(), None);
    }

    #[test]
    fn a_call_that_hangs_is_left_behind() {
        let (_never, hang) = mpsc::channel::<()>();
        let answer = within(Duration::ZERO, move || hang.recv());
        assert!(answer.is_err());
        assert!(within(ANSWER_MAX, || ()).is_err(), "it is not asked again");
        HANGS.store(false, Ordering::Relaxed);
    }
}
