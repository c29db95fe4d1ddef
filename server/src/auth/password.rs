//! Passwords: Argon2id, at most one hash per core at a time.
//!
//! A hash takes 64 MiB and a tenth of a second on purpose. Without a bound, five hundred people who sign in at nine
//! o'clock would take 32 GiB; here they wait in line, and those who would wait too long are told to come back. An
//! unknown handle is hashed against a dummy, so that it cannot be told from a wrong password by the time it takes.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use fil_protocol::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use fil_protocol::{ErrorCode, ProtocolError};
use tokio::sync::Semaphore;

use crate::config;
use crate::secret::Secret;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords {
    params: Params,
    turns: Arc<Semaphore>,
    wait: Duration,
    dummy: Arc<str>,
}

/// The answer to a password.
#[derive(Debug, PartialEq, Eq)]
pub enum Verified {
    /// It is the one.
    Right {
        /// The hash to store instead, if the parameters have changed since it was made.
        rehashed: Option<String>,
    },
    /// It is not, or there is no such account.
    Wrong,
}

impl Passwords {
    /// With these parameters, and a turn per core.
    pub fn new(config: &config::Password) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with_turns(config, cores)
    }

    fn with_turns(config: &config::Password, turns: usize) -> Self {
        let params = Params::new(config.memory_kib, config.iterations, config.parallelism, None)
            .expect("the configuration was checked to be within Argon2's bounds");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let dummy = hash_with(&argon2, b"nobody has this password").expect("hashing a short text with a fresh salt");
        Self {
            params,
            turns: Arc::new(Semaphore::new(turns)),
            wait: Duration::from_millis(config.wait_ms),
            dummy: dummy.into(),
        }
    }

    /// The hash of a new password, on the calling thread. For commands, which hash one at a time.
    pub fn hash_now(&self, password: &Secret) -> Result<String, ProtocolError> {
        check(password)?;
        hash_with(&self.argon2(), password.reveal().as_bytes()).map_err(|_| internal())
    }

    /// The hash of a new password.
    pub async fn hash(&self, password: Secret) -> Result<String, ProtocolError> {
        check(&password)?;
        let argon2 = self.argon2();
        self.in_turn(move || hash_with(&argon2, password.reveal().as_bytes()).map_err(|_| internal())).await?
    }

    /// Whether the password is the one of the stored hash; none for an account that does not exist or has no password.
    pub async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verified, ProtocolError> {
        // Longer ones were never accepted; hashing them would only be work for an attacker to give.
        let possible = password.reveal().len() <= PASSWORD_BYTES_MAX;
        let password = if possible { password } else { Secret::default() };
        let (argon2, params) = (self.argon2(), self.params.clone());
        let known = stored.is_some() && possible;
        let stored = stored.unwrap_or_else(|| self.dummy.to_string());
        self.in_turn(move || {
            let bytes = password.reveal().as_bytes();
            let parsed = PasswordHash::new(&stored).map_err(|_| internal())?;
            let right = argon2.verify_password(bytes, &parsed).is_ok();
            if !(right && known) {
                return Ok(Verified::Wrong);
            }
            let current = parsed.algorithm == Algorithm::Argon2id.ident()
                && Params::try_from(&parsed).is_ok_and(|used| {
                    (used.m_cost(), used.t_cost(), used.p_cost()) == (params.m_cost(), params.t_cost(), params.p_cost())
                });
            let rehashed = if current { None } else { Some(hash_with(&argon2, bytes).map_err(|_| internal())?) };
            Ok(Verified::Right { rehashed })
        })
        .await?
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ProtocolError> {
        let turn = tokio::time::timeout(self.wait, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let detail = "too many people are signing in at this moment";
            return Err(ProtocolError::retry_after(ErrorCode::Unavailable, detail, 5_000));
        };
        // The turn travels with the work: a request that is given up on still occupies its core until the hash is done.
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        })
        .await
        .map_err(|_| internal())
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Passwords").field("params", &self.params).finish_non_exhaustive()
    }
}

/// Whether a new password is acceptable.
pub fn check(password: &Secret) -> Result<(), ProtocolError> {
    if password.reveal().len() > PASSWORD_BYTES_MAX {
        let detail = format!("the password is longer than {PASSWORD_BYTES_MAX} bytes");
        return Err(ProtocolError::new(ErrorCode::TooLarge, detail));
    }
    if password.reveal().chars().count() < PASSWORD_CHARS_MIN {
        let detail = format!("the password needs at least {PASSWORD_CHARS_MIN} characters");
        return Err(ProtocolError::new(ErrorCode::Invalid, detail));
    }
    Ok(())
}

fn hash_with(argon2: &Argon2<'_>, password: &[u8]) -> argon2::password_hash::Result<String> {
    let hash: PasswordHash = argon2.hash_password(password)?;
    Ok(hash.to_string())
}

fn internal() -> ProtocolError {
    ProtocolError::new(ErrorCode::Internal, "the password could not be hashed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smallest() -> config::Password {
        config::Password { memory_kib: 19 * 1024, iterations: 2, parallelism: 1, wait_ms: 60_000 }
    }

    #[tokio::test]
    async fn the_right_password_is_right_and_all_others_are_wrong() {
        let passwords = Passwords::new(&smallest());
        let stored = passwords.hash(Secret::new("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let verify = |password: &str, stored: Option<&String>| passwords.verify(Secret::new(password), stored.cloned());
        assert_eq!(verify("correct horse", Some(&stored)).await.unwrap(), Verified::Right { rehashed: None });
        assert_eq!(verify("wrong", Some(&stored)).await.unwrap(), Verified::Wrong);
        assert_eq!(verify("", Some(&stored)).await.unwrap(), Verified::Wrong);
        assert_eq!(verify("nobody has this password", None).await.unwrap(), Verified::Wrong);
        assert_eq!(verify(&"a".repeat(PASSWORD_BYTES_MAX + 1), Some(&stored)).await.unwrap(), Verified::Wrong);
    }

    #[tokio::test]
    async fn a_hash_with_old_parameters_is_made_again() {
        let stored = Passwords::new(&smallest()).hash(Secret::new("correct horse")).await.unwrap();
        let stronger = Passwords::new(&config::Password { iterations: 3, ..smallest() });
        let verified = stronger.verify(Secret::new("correct horse"), Some(stored)).await.unwrap();
        let Verified::Right { rehashed: Some(rehashed) } = verified else { panic!("{verified:?}") };
        assert!(rehashed.contains("t=3"), "{rehashed}");
        let again = stronger.verify(Secret::new("correct horse"), Some(rehashed)).await.unwrap();
        assert_eq!(again, Verified::Right { rehashed: None });
    }

    #[tokio::test]
    async fn who_would_wait_too_long_for_a_core_is_told_to_come_back() {
        let passwords = Passwords::with_turns(&config::Password { wait_ms: 1, ..smallest() }, 1);
        let turn = Arc::clone(&passwords.turns).acquire_owned().await.unwrap();
        let refused = passwords.hash(Secret::new("correct horse")).await.unwrap_err();
        assert_eq!((refused.code, refused.retry_after_ms), (ErrorCode::Unavailable, Some(5_000)));
        drop(turn);
        assert!(passwords.hash(Secret::new("correct horse")).await.is_ok());
    }

    #[test]
    fn a_new_password_has_a_least_and_a_greatest_length() {
        let check = |password: &str| super::check(&Secret::new(password)).err().map(|error| error.code);
        assert_eq!(check("éééééééé"), None);
        assert_eq!(check("ééééééé"), Some(ErrorCode::Invalid));
        assert_eq!(check(&"a".repeat(PASSWORD_BYTES_MAX)), None);
        assert_eq!(check(&"a".repeat(PASSWORD_BYTES_MAX + 1)), Some(ErrorCode::TooLarge));
    }
}
