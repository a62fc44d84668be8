//! Lines of replies: records of mesh-probe, and what HelloWorld answers.
#![no_main]
#![allow(dead_code)] // modules of mesh-lbcheck, of which not all is used here

#[path = "../../../../tools/mesh-lbcheck/src/failure.rs"]
mod failure;
#[path = "../../../../tools/mesh-lbcheck/src/record.rs"]
mod record;
#[path = "../../../../tools/mesh-lbcheck/src/reply.rs"]
mod reply;
#[path = "../../../../tools/mesh-lbcheck/src/special.rs"]
mod special;
#[path = "../../../../tools/mesh-lbcheck/src/statistics.rs"]
mod statistics;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Some(reply) = reply::Reply::hello_world(line) {
            let backend = reply.backend();
            for dimension in [reply::Dimension::Version, reply::Dimension::Instance] {
                assert!(!backend.by(dimension).contains(char::is_whitespace));
            }
        }
        assert!(!reply::shown(line).contains(char::is_control));
        if let Ok(text) = std::str::from_utf8(line) {
            let _ = record::Record::parse(text);
        }
    }
});
