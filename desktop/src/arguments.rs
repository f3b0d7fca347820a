//! What the app is started with.

use std::path::PathBuf;

/// How to start it.
const USAGE: &str = "usage: bayou-desktop [--home FOLDER] [--hidden] [bayou://LINK]";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Where the peer lives.
    pub home: PathBuf,
    /// Whether to begin in the tray.
    pub hidden: bool,
    /// A link to open.
    pub link: Option<String>,
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// In words, with what would be right.
pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let (mut home, mut hidden, mut link) = (None, false, None);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--home" => home = Some(arguments.next().ok_or(USAGE)?.into()),
            "--hidden" => hidden = true,
            text if text.starts_with("bayou://") => link = Some(argument),
            _ => return Err(format!("`{argument}` is not understood; {USAGE}")),
        }
    }
    let home = home.or_else(|| std::env::var_os("BAYOU_HOME").map(PathBuf::from)).or_else(usual_home);
    let home = home.ok_or_else(|| format!("this user has no home folder: say where to live; {USAGE}"))?;
    Ok(Arguments { home, hidden, link })
}

/// Returns the same folder as `bayou` uses.
fn usual_home() -> Option<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    data.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")))
        .map(|data| data.join("bayou"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Arguments, String> {
        read(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn takes_a_home_and_a_link() {
        let read = words("--home /tmp/alice --hidden bayou://j/#abc").unwrap();
        assert_eq!(read, Arguments { home: "/tmp/alice".into(), hidden: true, link: Some("bayou://j/#abc".into()) });
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(words("--hoem /tmp").unwrap_err().contains("--hoem"));
        assert!(words("--home").unwrap_err().contains("usage"));
        assert!(words("https://example.org/").is_err());
    }
}
