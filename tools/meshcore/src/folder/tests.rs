use super::*;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

fn two(text: &str) -> [File<'_>; 2] {
    [
        File { name: "key.pem", text, mode: Mode::Secret },
        File { name: "root-cert.pem", text, mode: Mode::Public },
    ]
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Name → mode and text of all files in a folder.
fn read(folder: &Path) -> BTreeMap<String, (u32, String)> {
    let file = |name: String| {
        let path = folder.join(&name);
        (name, (mode(&path), fs::read_to_string(path).unwrap()))
    };
    names(folder).into_iter().map(file).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn text(error: &Error) -> &str {
    error.message().text()
}

#[test]
fn a_folder_is_made_and_its_files_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("certs");
    let paths = write(&folder, &two("one"), Existing::Keep).unwrap();
    assert_eq!(paths, [folder.join("key.pem"), folder.join("root-cert.pem")]);
    assert_eq!(mode(&folder), 0o700);
    // As others leave it, and with something of the user's.
    fs::set_permissions(folder.join("key.pem"), Permissions::from_mode(0o744)).unwrap();
    fs::write(folder.join("mine"), "mine").unwrap();
    write(&folder, &two("two"), Existing::Replace).unwrap();
    let found = read(&folder);
    assert_eq!(found["key.pem"], (0o600, "two".to_owned()));
    assert_eq!(found["root-cert.pem"], (0o644, "two".to_owned()));
    assert_eq!(found["mine"].1, "mine");
    assert_eq!(found.len(), 3);
    assert_eq!(names(dir.path()), ["certs"]);
}

#[test]
fn what_is_there_stays_unless_it_is_to_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (elsewhere, folder) = (dir.path().join("elsewhere"), dir.path().join("certs"));
    fs::create_dir(&folder).unwrap();
    fs::write(&elsewhere, "kept").unwrap();
    for target in [elsewhere.as_path(), Path::new("nowhere")] {
        symlink(target, folder.join("root-cert.pem")).unwrap();
        let error = write(&folder, &two("one"), Existing::Keep).unwrap_err();
        assert!(text(&error).contains("root-cert.pem: is there already"), "{error:?}");
        assert_eq!(names(&folder), ["root-cert.pem"]);
        // A link is replaced and not followed.
        write(&folder, &two("one"), Existing::Replace).unwrap();
        assert_eq!(read(&folder)["root-cert.pem"], (0o644, "one".to_owned()));
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept");
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
    }
    // Files come into an empty folder as into any other: its mode is the user's.
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    write(&folder, &two("one"), Existing::Keep).unwrap();
    assert_eq!((mode(&folder), names(&folder).len()), (0o755, 2));
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for (folder, message) in [
        (file.clone(), "is no folder"),
        (file.join("vm"), "Not a directory"),
        (dir.path().join("none/vm"), "No such file"),
    ] {
        let error = write(&folder, &two("one"), Existing::Replace).unwrap_err();
        assert!(text(&error).contains(message), "{error:?}");
    }
    assert_eq!(names(dir.path()), ["file"]);
    // A folder is in the way of a file.
    let folder = dir.path().join("vm");
    fs::create_dir_all(folder.join("root-cert.pem")).unwrap();
    for existing in [Existing::Keep, Existing::Replace] {
        assert!(write(&folder, &two("one"), existing).is_err());
        assert_eq!(names(&folder), ["root-cert.pem"]);
    }
}

#[test]
fn keys_and_folders_are_their_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (a, root) = (dir.path().join("x/y/a"), dir.path().join("x/root-key.pem"));
    let mut stage = Stage::default();
    stage.folder(&a, &two("a")).unwrap();
    stage.file(&root, "root", Mode::Secret).unwrap();
    assert!(!a.exists() && !root.exists());
    stage.commit().unwrap();
    for folder in [&a, a.parent().unwrap(), root.parent().unwrap()] {
        assert_eq!(mode(folder), 0o700);
    }
    assert_eq!((mode(&root), read(&a)["key.pem"].0), (0o600, 0o600));
    assert_eq!(names(&dir.path().join("x")), ["root-key.pem", "y"]);
}

#[test]
fn one_that_cannot_be_placed_takes_all_others_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("taken")).unwrap();
    fs::write(path("taken/ca-key.pem"), "old").unwrap();
    fs::write(path("file"), "old").unwrap();
    for last in ["taken", "file"] {
        let mut stage = Stage::default();
        // It comes last, although it was written first.
        stage.replacement(&path("file"), "new", Mode::Secret).unwrap();
        stage.folder(&path("new/a"), &two("key")).unwrap();
        stage.file(&path("root"), "root", Mode::Secret).unwrap();
        stage.folder(&path(last), &two("key")).unwrap();
        let error = stage.commit().unwrap_err();
        assert!(format!("{error:?}").contains("nothing was written"), "{error:?}");
        assert_eq!(names(dir.path()), ["file", "taken"], "{last}");
    }
    let mut stage = Stage::default();
    stage.folder(&path("a"), &two("key")).unwrap();
    stage.file(&path("file"), "new", Mode::Secret).unwrap();
    assert!(stage.commit().is_err());
    assert_eq!(names(dir.path()), ["file", "taken"]);
    assert_eq!(fs::read_to_string(path("file")).unwrap(), "old");
    assert_eq!(fs::read_to_string(path("taken/ca-key.pem")).unwrap(), "old");
}

#[test]
fn what_is_not_committed_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::default();
    stage.folder(&dir.path().join("x/a"), &two("key")).unwrap();
    stage.file(&dir.path().join("x/b"), "key", Mode::Secret).unwrap();
    drop(stage);
    assert_eq!(names(dir.path()), [""; 0]);
}

/// Processes in containers often have the same number.
#[test]
fn what_a_killed_process_left_is_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let left = format!(".certs.{}-0.new", std::process::id());
    fs::create_dir(dir.path().join(&left)).unwrap();
    write(&dir.path().join("certs"), &two("one"), Existing::Keep).unwrap();
    assert_eq!(names(dir.path()), [left.as_str(), "certs"]);
}
