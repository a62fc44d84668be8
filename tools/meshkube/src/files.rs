//! Files that the user names: kubeconfigs, and what they refer to.

use meshcore::{Error, Result};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

/// Bytes of one file.
pub const MOST: u64 = 16 << 20;

/// Refuses a file that does not end or is far too long. One that is not there is reported by
/// whoever opens it.
pub fn check(path: &Path) -> Result<()> {
    let Ok(about) = std::fs::metadata(path) else { return Ok(()) };
    let kind = about.file_type();
    let is_device = kind.is_char_device() || kind.is_block_device();
    let problem = if is_device && path != Path::new("/dev/null") {
        "is a device and not a file".to_owned()
    } else if about.len() > MOST {
        format!("has more than {} MiB", MOST >> 20)
    } else {
        return Ok(());
    };
    Err(Error::data(problem)
        .at(path.display())
        .hint("name a kubeconfig, certificate, key or token"))
}

/// What is in a file that a kubeconfig names: a FIFO or socket is none, as it may never end.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    check(path)?;
    let kind = std::fs::metadata(path).map(|about| about.file_type());
    if kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket()) {
        return Err(Error::data("is not a regular file").at(path.display()));
    }
    std::fs::read(path).map_err(|error| Error::data(error.to_string()).at(path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_end_is_not_read() {
        for device in ["/dev/zero", "/dev/urandom"] {
            let error = read(Path::new(device)).unwrap_err();
            assert_eq!(error.exit(), meshcore::Exit::Data);
            assert_eq!(error.message().text(), format!("{device}: is a device and not a file"));
        }
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        assert_eq!(read(Path::new("/nowhere")).unwrap_err().exit(), meshcore::Exit::Data);
    }
}
