//! Who is let in to a gateway: ranges, plain or as mesh-cidrs writes them in JSON.

use ipnet::IpNet;
use meshcore::cidr;
use meshcore::input::Source;
use meshcore::list::{is_list, words};
use meshcore::{Error, Result};
use serde::Deserialize;

/// All ranges of the sources, sorted and each once; never none. A range of all addresses is
/// refused unless it is allowed.
pub fn read(sources: &[Source], allow_any: bool) -> Result<Vec<IpNet>> {
    let mut ranges = Vec::new();
    let mut add = |text: &str, place: String| {
        let range = cidr::parse(text)
            .map_err(|error| Error::data(format!("{text:?} {error}")).at(&place))?;
        if range.prefix_len() == 0 && !allow_any {
            return Err(Error::data(format!("{range} lets everybody in"))
                .at(&place)
                .hint("leave --source-ranges out, or say --allow-any-source"));
        }
        ranges.push(range);
        Ok(())
    };
    for source in sources {
        if is_list(&source.text) {
            for (line, word) in words(&source.text) {
                add(word, format!("{}: line {line}", source.name))?;
            }
            continue;
        }
        for document in source.documents()? {
            let Entry { cidr } = document.decode().map_err(|error| {
                error.hint("ranges are read; of clusters, mesh-cidrs writes them")
            })?;
            add(&cidr, document.field("cidr"))?;
        }
    }
    ranges.sort_unstable();
    ranges.dedup();
    Ok(ranges)
}

/// A line of `mesh-cidrs -o json`.
#[derive(Deserialize)]
struct Entry {
    cidr: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_text(text: &str, allow_any: bool) -> Result<Vec<String>> {
        let source = Source::new("stdin".to_owned(), text.as_bytes().to_vec())?;
        read(&[source], allow_any).map(|ranges| ranges.iter().map(IpNet::to_string).collect())
    }

    #[test]
    fn every_form_of_mesh_cidrs_is_read() {
        for text in [
            "2001:db8::/32\n10.0.0.0/14\n",
            "10.0.0.0/14,2001:db8::/32,10.0.0.0/14\n",
            "# pods\n10.0.0.0/14;2001:db8::/32",
            "{\"cidr\":\"10.0.0.0/14\",\"owners\":[]}\n{\"cidr\":\"2001:db8::/32\",\"owners\":[]}\n",
            "[{\"cidr\": \"2001:db8::/32\"}, {\"cidr\": \"10.0.0.0/14\"}]",
        ] {
            assert_eq!(read_text(text, false).unwrap(), ["10.0.0.0/14", "2001:db8::/32"], "{text}");
        }
    }

    #[test]
    fn errors_say_where() {
        for (text, message) in [
            ("10.0.0.0/8\n10.1.2.3/8", "stdin: line 2: \"10.1.2.3/8\" has host bits set"),
            ("10.0.0.0/8 x", "stdin: line 1: \"x\" is not a CIDR range"),
            ("{\"cidr\": \"10.0.0.1\"}", "stdin: document 1: .cidr: \"10.0.0.1\" has no prefix"),
            ("{\"name\": \"a\"}", "stdin: document 1: missing field `cidr`"),
            ("10.0.0.0/8\n::/0", "stdin: line 2: ::/0 lets everybody in"),
            ("[]", "stdin: holds no objects"),
            ("# none\n", "stdin: holds no objects"),
            ("\n", "stdin: is empty"),
        ] {
            let error = read_text(text, false).unwrap_err();
            assert!(error.message().text().starts_with(message), "{error:?}");
        }
    }

    #[test]
    fn everybody_is_let_in_when_it_is_said() {
        assert_eq!(read_text("0.0.0.0/0", true).unwrap(), ["0.0.0.0/0"]);
    }

    proptest! {
        #[test]
        fn what_is_read_is_never_nothing(text in "[0-9./, #\n{}\":cidr]{0,40}|\\PC{0,20}") {
            if let Ok(ranges) = read_text(&text, true) {
                prop_assert!(!ranges.is_empty());
            }
        }
    }
}
