//! Who is let in to a gateway: ranges, plain or as mesh-cidrs writes them in JSON.

use ipnet::IpNet;
use meshcore::cidr::{self, Joined};
use meshcore::input::Source;
use meshcore::{Error, Result};

/// All ranges of the sources, sorted and each once; never none. All addresses are refused unless
/// they are allowed, and so are more public ones than clusters have, unless they are `meant`.
pub fn read(sources: &[Source], allow_any: bool, meant: &[IpNet]) -> Result<Vec<IpNet>> {
    let mut ranges = cidr::read(sources)?;
    let joined = Joined::of(&ranges);
    if let Some(any) = joined.everything().filter(|_| !allow_any) {
        return Err(Error::data(format!(
            "--source-ranges: its ranges together are {any}, which lets everybody in"
        ))
        .hint("leave --source-ranges out, or say --allow-any-source"));
    }
    if !allow_any {
        cidr::refuse_wide(&joined, meant).map_err(|error| error.at("--source-ranges"))?;
    }
    ranges.sort_unstable();
    ranges.dedup();
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, allow_any: bool) -> Result<Vec<String>> {
        let source = Source::new("stdin".to_owned(), text.as_bytes().to_vec())?;
        read(&[source], allow_any, &[]).map(|ranges| ranges.iter().map(IpNet::to_string).collect())
    }

    #[test]
    fn each_range_is_there_once() {
        let text = "10.0.0.0/14,2001:db8::/32,10.0.0.0/14\n";
        assert_eq!(read_text(text, false).unwrap(), ["10.0.0.0/14", "2001:db8::/32"]);
    }

    #[test]
    fn everybody_is_let_in_when_it_is_said() {
        for text in ["10.0.0.0/8\n::/0", "::/1 8000::/1"] {
            let error = read_text(text, false).unwrap_err();
            assert!(error.message().text().contains("are ::/0, which lets everybody in"));
        }
        assert_eq!(read_text("0.0.0.0/0", true).unwrap(), ["0.0.0.0/0"]);
    }
}
