//! The node's identity: the file `identity` in its home, 32 secret bytes that only the owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bits of a file's mode that let others than the owner in.
const OTHERS: u32 = 0o077;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("cannot read or write {path}: {reason}; choose a --home that this user may write to")]
    Access { path: PathBuf, reason: io::Error },
    #[error("others can read {0}; run `chmod 600` on it, or delete it to get a new identity")]
    Exposed(PathBuf),
    #[error("{0} is damaged: it must be 32 bytes; restore it, or delete it to get a new identity")]
    Damaged(PathBuf),
    #[error("the system gave no random bytes: {0}")]
    Entropy(getrandom::Error),
}

/// Returns the secret of the identity in `home`; makes a new one at the first start.
pub(crate) fn load_or_create(home: &Path) -> Result<[u8; 32], IdentityError> {
    let path = home.join("identity");
    let access = |reason| IdentityError::Access { path: path.clone(), reason };
    match fs::metadata(&path) {
        Ok(metadata) if metadata.permissions().mode() & OTHERS != 0 => Err(IdentityError::Exposed(path)),
        Ok(_) => {
            let bytes = fs::read(&path).map_err(access)?;
            bytes.try_into().map_err(|_| IdentityError::Damaged(path))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = draw()?;
            create(home, &path, &secret).map_err(access)?;
            Ok(secret)
        }
        Err(error) => Err(access(error)),
    }
}

/// Draws a secret: for a new identity, or for one visit.
pub(crate) fn draw() -> Result<[u8; 32], IdentityError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(IdentityError::Entropy)?;
    Ok(secret)
}

/// Writes the file under another name first, so that a crash leaves either no identity or a whole one.
fn create(home: &Path, path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    fs::create_dir_all(home)?;
    let draft = home.join("identity.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(secret)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(home)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_start_finds_what_the_first_made() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().join("new/folder");
        let first = load_or_create(&home).unwrap();
        assert_eq!(fs::metadata(home.join("identity")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load_or_create(&home).unwrap(), first);
    }

    #[test]
    fn an_exposed_or_damaged_identity_is_refused() {
        let home = tempfile::tempdir().unwrap();
        load_or_create(home.path()).unwrap();
        let path = home.path().join("identity");
        fs::write(&path, b"short").unwrap();
        assert!(matches!(load_or_create(home.path()), Err(IdentityError::Damaged(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load_or_create(home.path()), Err(IdentityError::Exposed(_))));
    }
}
