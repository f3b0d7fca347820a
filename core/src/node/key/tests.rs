use super::*;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.into()).unwrap()
}

fn by_passphrase(text: &str) -> [Protection; 1] {
    [Protection::Passphrase(passphrase(text))]
}

#[test]
fn a_passphrase_opens_and_another_does_no_harm() {
    let home = tempfile::tempdir().unwrap();
    let key = create(home.path(), &by_passphrase("correct horse")).unwrap();
    let before = fs::read(home.path().join("key")).unwrap();
    assert_eq!(unlock(home.path(), Some(&passphrase("correct horse"))).unwrap(), key);
    assert!(matches!(unlock(home.path(), Some(&passphrase("correct horsf"))), Err(NodeError::WrongPassphrase)));
    assert!(matches!(unlock(home.path(), None), Err(NodeError::Locked)));
    assert_eq!(fs::read(home.path().join("key")).unwrap(), before);
    assert!(!before.windows(32).any(|bytes| bytes == key.0.expose()));
}

#[test]
fn protection_is_replaced_as_a_whole() {
    let home = tempfile::tempdir().unwrap();
    let key = create(home.path(), &by_passphrase("old")).unwrap();
    protect(home.path(), &key, &by_passphrase("new")).unwrap();
    assert!(matches!(unlock(home.path(), Some(&passphrase("old"))), Err(NodeError::WrongPassphrase)));
    assert_eq!(unlock(home.path(), Some(&passphrase("new"))).unwrap(), key);
    protect(home.path(), &key, &[Protection::Nothing]).unwrap();
    assert_eq!(unlock(home.path(), None).unwrap(), key);
    // Here the key does stand in the file: the test above could fail.
    assert!(fs::read(home.path().join("key")).unwrap().windows(32).any(|bytes| bytes == key.0.expose()));
    protect(home.path(), &key, &by_passphrase("again")).unwrap();
    assert!(matches!(unlock(home.path(), None), Err(NodeError::Locked)));
}

#[test]
fn every_flipped_byte_is_damage_and_no_wrong_passphrase() {
    let home = tempfile::tempdir().unwrap();
    create(home.path(), &by_passphrase("x")).unwrap();
    let path = home.path().join("key");
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(unlock(home.path(), Some(&passphrase("x"))), Err(NodeError::BadKey(_))), "byte {at}");
        fs::write(&path, &sound[..at]).unwrap();
        assert!(matches!(unlock(home.path(), Some(&passphrase("x"))), Err(NodeError::BadKey(_))), "cut at {at}");
    }
}

#[test]
fn what_a_crash_left_beside_the_file_is_swept() {
    let home = tempfile::tempdir().unwrap();
    let key = create(home.path(), &by_passphrase("x")).unwrap();
    let draft = home::draft(&home.path().join("key"));
    fs::write(&draft, b"half a key file").unwrap();
    assert_eq!(unlock(home.path(), Some(&passphrase("x"))).unwrap(), key);
    assert!(!draft.exists());
    let alone = lock(home.path()).unwrap();
    fs::write(&draft, b"being written").unwrap();
    assert_eq!(unlock(home.path(), Some(&passphrase("x"))).unwrap(), key);
    assert!(draft.exists(), "who holds the lock is writing it");
    assert!(matches!(protect(home.path(), &key, &[Protection::Nothing]), Err(NodeError::KeyInUse)));
    drop(alone);
}

/// One test, because the library has one keyring for the whole process: its mock here.
#[test]
fn the_keyring_opens_and_forgets() {
    keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap());
    let home = tempfile::tempdir().unwrap();
    let key = create(home.path(), &[Protection::Keyring]).unwrap();
    assert_eq!(unlock(home.path(), None).unwrap(), key);
    let Some(Wrap::Keyring { account, .. }) = read(home.path()).unwrap().pop() else { panic!("wrapped otherwise") };
    protect(home.path(), &key, &[Protection::Keyring, by_passphrase("both")[0].clone()]).unwrap();
    assert!(system_keys::get(account).is_err(), "the entry of before is gone");
    assert_eq!(unlock(home.path(), None).unwrap(), key);
    let Wrap::Keyring { account, .. } = read(home.path()).unwrap().remove(0) else { panic!("wrapped otherwise") };
    system_keys::put(account, &Secret::new([7; 32])).unwrap();
    assert!(matches!(unlock(home.path(), None), Err(NodeError::Locked)), "the passphrase is asked for");
    assert_eq!(unlock(home.path(), Some(&passphrase("both"))).unwrap(), key);
    protect(home.path(), &key, &[Protection::Keyring]).unwrap();
    let Some(Wrap::Keyring { account, .. }) = read(home.path()).unwrap().pop() else { panic!("wrapped otherwise") };
    system_keys::remove(account).unwrap();
    assert!(matches!(unlock(home.path(), None), Err(NodeError::KeyringLocked(_))));
}

#[test]
fn nothing_is_printed_of_what_is_secret() {
    let shown = format!("{:?} {:?}", by_passphrase("correct horse"), HomeKey(Secret::new([0x41; 32])));
    assert!(!shown.contains("horse") && !shown.contains("65") && !shown.contains("41"), "{shown}");
    assert!(matches!(Passphrase::new(String::new()), Err(NodeError::BadPassphrase)));
    assert!(matches!(Passphrase::new("x".repeat(1025)), Err(NodeError::BadPassphrase)));
}
