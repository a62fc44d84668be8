//! Files that are read to their ends. They are opened here alone, so that no tool reads what has no
//! end, or waits for a pipe that nobody writes to.

use crate::{Error, Result};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Bytes of a kubeconfig, certificate, key or token: no real one has so many.
pub const MOST: u64 = 16 << 20;

/// Opens what the user named: a file, or a pipe or terminal. A device, which may have no end, is
/// refused.
pub fn open(path: &Path) -> Result<File> {
    let opened = File::open(path).map_err(|error| failed(path, &error))?;
    let kind = opened.metadata().map_err(|error| failed(path, &error))?.file_type();
    let is_endless = kind.is_char_device() && path != Path::new("/dev/null");
    if kind.is_block_device() || is_endless && !opened.is_terminal() {
        return Err(Error::data("is a device and not a file").at(path.display()));
    }
    Ok(opened)
}

/// What is in a file that the user named.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = open(path)?.read_to_end(&mut bytes);
    read.map_err(|error| failed(path, &error))?;
    Ok(bytes)
}

/// The same of what is small, as a kubeconfig is: a pipe that does not end is left.
pub fn read_small(path: &Path) -> Result<Vec<u8>> {
    small(path, open(path)?)
}

/// What is in a certificate, key or token that a file names, or that lies in a folder: whoever made
/// that does not choose a device or pipe.
pub fn read_regular(path: &Path) -> Result<Vec<u8>> {
    // Without the flag a pipe that nobody writes to would be waited for here.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(|error| failed(path, &error))?;
    let kind = opened.metadata().map_err(|error| failed(path, &error))?.file_type();
    if !kind.is_file() {
        let is_device = kind.is_char_device() || kind.is_block_device();
        let what = if is_device { "is a device and not a file" } else { "is not a regular file" };
        return Err(Error::data(what).at(path.display()));
    }
    small(path, opened)
}

fn small(path: &Path, opened: File) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    opened.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
    if bytes.len() as u64 > MOST {
        return Err(Error::data(format!("has more than {} MiB", MOST >> 20))
            .at(path.display())
            .hint("no kubeconfig, certificate, key or token has so many"));
    }
    Ok(bytes)
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::data(error.to_string()).at(path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(read: Result<Vec<u8>>) -> String {
        read.unwrap_err().message().text().to_owned()
    }

    /// Of an attack: memory ran out.
    #[test]
    fn a_device_is_not_read() {
        for device in ["/dev/zero", "/dev/urandom"] {
            for read in [read, read_small, read_regular] {
                assert_eq!(
                    said(read(Path::new(device))),
                    format!("{device}: is a device and not a file")
                );
            }
        }
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        assert_eq!(read_small(Path::new("/dev/null")).unwrap(), b"");
        for read in [read, read_small, read_regular] {
            assert_eq!(read(Path::new("/nowhere")).unwrap_err().exit(), crate::Exit::Data);
        }
    }

    /// Of an attack: a tool waited for ever.
    #[test]
    fn a_pipe_is_read_where_the_user_named_it_alone() {
        let dir = std::env::temp_dir().join(format!("meshcore-file-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let pipe = dir.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert_eq!(said(read_regular(&pipe)), format!("{}: is not a regular file", pipe.display()));
        let writer = pipe.clone();
        let writing = std::thread::spawn(move || std::fs::write(writer, "text"));
        assert_eq!(read_small(&pipe).unwrap(), b"text");
        writing.join().unwrap().unwrap();
        let writer = pipe.clone();
        // It ends with an error, as nobody reads on.
        let writing = std::thread::spawn(move || {
            let mut to = OpenOptions::new().write(true).open(writer)?;
            io::copy(&mut io::repeat(b'a'), &mut to)
        });
        assert!(said(read_small(&pipe)).ends_with(": has more than 16 MiB"));
        assert!(writing.join().unwrap().is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_file_has_a_limit() {
        let path = std::env::temp_dir().join(format!("meshcore-size-{}", std::process::id()));
        std::fs::write(&path, "text").unwrap();
        assert_eq!(read_regular(&path).unwrap(), b"text");
        File::options().write(true).open(&path).unwrap().set_len(MOST + 1).unwrap();
        for read in [read_small, read_regular] {
            assert!(said(read(&path)).ends_with(": has more than 16 MiB"));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(said(read_regular(&std::env::temp_dir())).ends_with(": is not a regular file"));
    }
}
