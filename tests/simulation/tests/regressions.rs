//! Plans that failed once, kept for ever. `found` in each says what was broken.

use std::path::Path;

use fil_simulation::campaign::run;
use fil_simulation::plan::Plan;

/// Every plan in `regressions/` keeps the promises; a file that is no plan is a failure too.
#[test]
fn what_failed_once_does_not_fail_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut files: Vec<_> =
        folder.read_dir().expect("the plans are there").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no plan is kept");
    let failed: Vec<String> = files
        .iter()
        .filter_map(|file| match Plan::load(file) {
            Ok(plan) => run(&plan).err().map(|violation| format!("{}: {violation}", file.display())),
            Err(error) => Some(error.to_string()),
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
