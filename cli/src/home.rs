//! Where a profile lies.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::failure::Failure;

/// Returns the home that was named, or the default one.
pub(crate) fn resolve(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let chosen = named.filter(|path| !path.as_os_str().is_empty());
    chosen.or_else(|| default(std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME"))).ok_or_else(|| {
        Failure::invalid("where is the home? HOME is not set: name a folder with --home DIR or BAYOU_HOME")
    })
}

/// Returns `$XDG_DATA_HOME/bayou` or `~/.local/share/bayou`. A relative `XDG_DATA_HOME` counts as not set, as its
/// specification says.
fn default(data: Option<OsString>, user: Option<OsString>) -> Option<PathBuf> {
    let data = data.map(PathBuf::from).filter(|path| path.is_absolute());
    let user = user.map(PathBuf::from).filter(|path| path.is_absolute());
    data.or_else(|| user.map(|path| path.join(".local/share"))).map(|path| path.join("bayou"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_home_follows_the_environment() {
        #[track_caller]
        fn check(data: Option<&str>, user: Option<&str>, home: Option<&str>) {
            assert_eq!(default(data.map(OsString::from), user.map(OsString::from)), home.map(PathBuf::from));
        }
        check(Some("/data"), Some("/home/alice"), Some("/data/bayou"));
        check(None, Some("/home/alice"), Some("/home/alice/.local/share/bayou"));
        check(Some("relative"), Some("/home/alice"), Some("/home/alice/.local/share/bayou"));
        check(Some(""), None, None);
    }

    #[test]
    fn a_named_home_wins() {
        assert_eq!(resolve(Some("here".into())).unwrap(), PathBuf::from("here"));
    }
}
