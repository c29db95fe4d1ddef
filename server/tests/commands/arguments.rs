//! Bad arguments, bad configuration, bad folders: a sentence that says what to do, and an exit code that means it.

use std::fs;

use crate::process::{PASSWORD, Place, end};

#[test]
fn every_wrong_argument_is_refused_with_its_exit_code() {
    let place = Place::with_ada();
    let check = |arguments: &[&str], code: i32, words: &[&str]| place.run(arguments).refused(code, words);
    check(&["dance"], 2, &["dance"]);
    check(&["serve", "--listen", "here"], 2, &["--listen"]);
    check(&["organisation", "create"], 2, &["SLUG"]);
    check(&["organisation", "create", "Große Firma"], 2, &["a-z"]);
    check(&["organisation", "create", "demo"], 6, &["exists"]);
    check(&["organisation", "create", "other", "--name", " "], 2, &["empty"]);
    check(&["account", "create", "ada"], 6, &["exists"]);
    check(&["account", "create", "Ada!"], 2, &["a-z"]);
    check(&["account", "create", "elsewhere", "ada"], 5, &["elsewhere"]);
    check(&["account", "create", "a", "b", "c"], 2, &[]);
    check(&["account", "disable", "nobody"], 5, &["nobody"]);
    check(&["account", "password", "ada"], 2, &["--password-stdin"]);
    place.feed(&["account", "password", "ada", "--password-stdin"], "short\n").refused(2, &["8 characters"]);
    place.feed(&["account", "password", "ada", "--password-stdin"], "").refused(2, &["8 characters"]);
    place.feed(&["account", "password", "ada", "--password-stdin"], &"a".repeat(5_000)).refused(2, &["1024"]);
    check(&["backup", "create"], 2, &["FILE"]);
    check(&["backup", "restore", "nowhere.fil"], 1, &["nowhere.fil", "does not exist"]);
    check(&["--set", "frames", "doctor"], 1, &[]);
    assert_eq!(place.run(&["--help"]).code, 0);
    assert_eq!(place.run(&["--version"]).code, 0);
}

#[test]
fn every_wrong_configuration_is_refused_by_name() {
    let place = Place::new();
    let check = |text: &str, words: &[&str]| {
        fs::write(place.file("fil.toml"), text).unwrap();
        place.run(&["--config", "fil.toml", "config", "check"]).refused(3, words);
        place.run(&["--config", "fil.toml", "serve"]).refused(3, words);
    };
    check("lissten = '127.0.0.1:1'", &["fil.toml", "lissten"]);
    check("[limits]\nframes_burts = 1", &["frames_burts"]);
    check("listen = '0.0.0.0:80'", &["behind_proxy = true"]);
    check("listen = 80", &["listen"]);
    check("[password]\nparallelism = 0", &["parallelism"]);
    check("[tls]\ncertificate = 'cert.pem'", &["tls.key"]);
    check("[tls]\ncertificate = 'cert.pem'\nkey = 'key.pem'", &["tls.certificate", "cert.pem"]);
    check("[log]\nlevel = 'fil=loud'", &["log.level"]);
    check("[log]\nformat = 'verse'", &["format"]);
    check("\u{0}", &["fil.toml"]);
    place.run(&["--config", "nowhere.toml", "serve"]).refused(3, &["nowhere.toml"]);
    place.run(&["--set", "frames_burst=1", "serve"]).refused(3, &["frames_burst", "limits.frames_burst"]);
    place.run(&["--set", "frames_burst", "serve"]).refused(2, &["key=value"]);
    let mut command = place.command(&["serve"]);
    end(command.env("FIL_LIMITS_FRAMES_BURST", "many"), "").refused(3, &["FIL_LIMITS_FRAMES_BURST", "many"]);
    assert!(!place.data().exists(), "nothing was made");
}

#[test]
fn the_configuration_is_shown_with_its_origins_and_without_its_secrets() {
    let place = Place::new();
    fs::write(place.file("fil.toml"), "[limits]\nframes_burst = 7\n[metrics]\ntoken = 'canary'").unwrap();
    let mut command = place.command(&["--config", "fil.toml", "--set", "log.level=warn", "config", "show", "--json"]);
    let shown = end(command.env("FIL_LISTEN", "127.0.0.1:9"), "");
    assert!(!shown.out.contains("canary"), "{}", shown.out);
    let shown = shown.json();
    assert_eq!(shown["limits.frames_burst"]["origin"], "fil.toml");
    assert_eq!(shown["listen"]["origin"], "FIL_LISTEN");
    assert_eq!(shown["log.level"]["origin"], "--set");
    assert_eq!(shown["limits.connections_max"]["origin"], "default");
    let text = place.run(&["config", "show"]).ok();
    assert!(text.contains("limits.frames_burst = 400  # default; FIL_LIMITS_FRAMES_BURST"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_folder_or_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_ada();
    let server = place.serve(&[]);
    assert_eq!(server.end("-TERM").0, Some(0));
    assert_eq!(crate::process::mode(&place.data()), 0o700);
    assert_eq!(crate::process::mode(&place.data().join("fil.db")), 0o600);
    let key = place.data().join("keys/refresh.key");
    assert_eq!(crate::process::mode(&key), 0o600);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    place.run(&["serve"]).refused(3, &["refresh.key", "chmod 600"]);
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(doctor.out.contains("PROBLEM  keys"), "{}", doctor.out);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(place.data(), fs::Permissions::from_mode(0o755)).unwrap();
    place.run(&["serve"]).refused(4, &["chmod 700"]);
}

#[test]
fn a_database_that_is_newer_or_damaged_is_not_touched() {
    let place = Place::with_ada();
    let database = place.data().join("fil.db");
    fs::remove_file(place.data().join("fil.db-wal")).ok();
    fs::remove_file(place.data().join("fil.db-shm")).ok();
    let sound = fs::read(&database).unwrap();
    // The version stands at byte 60 of the file (SQLite's `user_version`).
    let mut newer = sound.clone();
    newer[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    let mut foreign = sound.clone();
    foreign[68..72].copy_from_slice(&1_u32.to_be_bytes());
    let cases: [(&[u8], &str); 3] = [
        (&newer, "update fil-server"),
        (&foreign, "damaged"),
        (b"not a database, but long enough to be read as one", "damaged"),
    ];
    for (bytes, words) in cases {
        fs::write(&database, bytes).unwrap();
        place.run(&["serve"]).refused(4, &[words]);
        place.feed(&["account", "password", "ada", "--password-stdin"], PASSWORD).refused(4, &[words]);
        assert_eq!(place.run(&["doctor"]).code, 1);
        assert_eq!(fs::read(&database).unwrap(), bytes);
    }
    fs::write(&database, sound).unwrap();
    assert!(place.run(&["account", "list"]).ok().contains("ada"));
}
