//! Compression bombs: little on the wire, much when it is unpacked.

use std::io::Write;

use fil_protocol::limits::BODY_BYTES_MAX;
use flate2::Compression;
use flate2::write::GzEncoder;

/// So many zeros as one member of a gzip file. Members may follow each other: a file of them is as good as one.
pub(crate) fn zeros(bytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; bytes]).unwrap();
    encoder.finish().unwrap()
}

/// 64 MiB in a body that is small enough to be read, and 1 GiB in one that is not.
pub(crate) fn bombs() -> [Vec<u8>; 2] {
    let member = zeros(1 << 20);
    let (small, large) = (member.repeat(64), member.repeat(1024));
    assert!(small.len() < BODY_BYTES_MAX && large.len() > BODY_BYTES_MAX);
    [small, large]
}
