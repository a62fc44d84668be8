//! Writes man/mesh-checks.7 to standard output.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(mesh_check::page().as_bytes())
}
