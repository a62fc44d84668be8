//! The ranges to let in: plain, or as mesh-cidrs writes them in JSON.

use ipnet::IpNet;
use meshcore::cidr;
use meshcore::input::Source;
use meshcore::list::{is_list, words};
use meshcore::{Error, Result};
use serde::Deserialize;

/// All ranges of the sources, as strictly as the Compute API reads them.
pub fn read(sources: &[Source]) -> Result<Vec<IpNet>> {
    let mut ranges = Vec::new();
    for source in sources {
        if is_list(&source.text) {
            for (line, word) in words(&source.text) {
                let place = format!("{}: line {line}", source.name);
                ranges.push(parse(word).map_err(|error| Error::data(error).at(place))?);
            }
            continue;
        }
        for document in source.documents()? {
            let Entry { cidr } = document.decode().map_err(|error| {
                error.hint("ranges are read; of clusters, mesh-cidrs writes them")
            })?;
            let place = document.field("cidr");
            ranges.push(parse(&cidr).map_err(|error| Error::data(error).at(place))?);
        }
    }
    Ok(ranges)
}

/// A line of `mesh-cidrs -o json`.
#[derive(Deserialize)]
struct Entry {
    cidr: String,
}

/// One range; the error names it.
pub(crate) fn parse(text: &str) -> std::result::Result<IpNet, String> {
    cidr::parse(text).map_err(|error| format!("{text:?} {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<String>> {
        let source = Source::new("stdin".to_owned(), text.as_bytes().to_vec())?;
        read(&[source]).map(|ranges| ranges.iter().map(IpNet::to_string).collect())
    }

    #[test]
    fn every_form_of_mesh_cidrs_is_read() {
        for text in [
            "10.0.0.0/14\n2001:db8::/32\n",
            "10.0.0.0/14,2001:db8::/32\n",
            "# pods\n10.0.0.0/14;2001:db8::/32",
            "{\"cidr\":\"10.0.0.0/14\",\"owners\":[]}\n{\"cidr\":\"2001:db8::/32\",\"owners\":[]}\n",
            "[{\"cidr\": \"10.0.0.0/14\"}, {\"cidr\": \"2001:db8::/32\"}]",
        ] {
            assert_eq!(read_text(text).unwrap(), ["10.0.0.0/14", "2001:db8::/32"], "{text}");
        }
    }

    #[test]
    fn errors_say_where() {
        for (text, message) in [
            ("10.0.0.0/8\n10.1.2.3/8", "stdin: line 2: \"10.1.2.3/8\" has host bits set"),
            ("10.0.0.0/8 x", "stdin: line 1: \"x\" is not a CIDR range"),
            ("{\"cidr\": \"10.0.0.1\"}", "stdin: document 1: .cidr: \"10.0.0.1\" has no prefix"),
            ("{\"name\": \"a\"}", "stdin: document 1: missing field `cidr`"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.message().text().starts_with(message), "{error:?}");
        }
    }
}
