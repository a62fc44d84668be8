//! Lines of replies: records of mesh-probe, and what `HelloWorld` answers.

use mesh_lbcheck::{Record, Reply, shown};

pub fn run(bytes: &[u8]) {
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Some(reply) = Reply::hello_world(line) {
            let backend = reply.backend();
            for name in [backend.version, backend.instance] {
                assert!(!name.contains(char::is_whitespace));
            }
        }
        assert!(!shown(line).contains(char::is_control));
        if let Ok(text) = std::str::from_utf8(line) {
            let _ = Record::parse(text);
        }
    }
}
