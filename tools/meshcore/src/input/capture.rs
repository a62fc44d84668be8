//! Captures in the input of tools that are about one cluster.

use super::Document;
use crate::{Error, Result};

/// Passes over the header of a capture (`mesh-capture`), so that it is read like what kubectl
/// prints, and refuses the captures of several clusters.
#[derive(Debug, Default)]
pub struct OneCapture {
    is_there: bool,
}

impl OneCapture {
    /// Whether a document is the header.
    ///
    /// # Errors
    /// For a second one.
    pub fn is_header(&mut self, document: &Document<'_>) -> Result<bool> {
        let meta = document.type_meta();
        if meta.group() != "meshutils" || meta.kind.as_deref() != Some("Capture") {
            return Ok(false);
        }
        if std::mem::replace(&mut self.is_there, true) {
            return Err(Error::data("is the capture of a second cluster")
                .at(document.place())
                .hint("each cluster is a line of its own: give one at a time, as with head -n 1"));
        }
        Ok(true)
    }

    /// Whether there was one.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Source;

    #[test]
    fn one_header_is_passed_over_and_a_second_refused() {
        let text = r#"{"apiVersion":"v1","kind":"Pod"}
            {"apiVersion":"meshutils/v1alpha1","kind":"Capture"}
            {"apiVersion":"meshutils/v1alpha1","kind":"Cluster"}
            {"apiVersion":"meshutils/v1alpha1","kind":"Capture"}"#;
        let source = Source::new("stdin".to_owned(), text.as_bytes().to_vec()).unwrap();
        let mut capture = OneCapture::default();
        let documents = source.documents().unwrap();
        assert_eq!(capture.is_header(&documents[0]), Ok(false));
        assert!(!capture.is_there());
        assert_eq!(capture.is_header(&documents[1]), Ok(true));
        assert_eq!(capture.is_header(&documents[2]), Ok(false));
        let error = capture.is_header(&documents[3]).unwrap_err();
        assert_eq!(error.message().text(), "stdin: document 4: is the capture of a second cluster");
    }
}
