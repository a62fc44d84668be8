//! Text cut into items as they were written: with their comments and the order of their keys, and
//! with words (`yes`, `0777`) that YAML 1.1 and 1.2 read in different ways.
//!
//! This knows lines and no YAML: who asks has to compare what the pieces say with what the whole
//! says, and do without the pieces where that differs.

/// A `ResourceList` in pieces.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// Each begins with `- ` in the first column.
    pub items: Vec<String>,
    /// All of `functionConfig:`.
    pub config: Option<String>,
}

/// The pieces of a `ResourceList` in block style, as kustomize and kpt write it.
pub fn resource_list(text: &str) -> Option<Pieces> {
    let text = text.strip_prefix("---\n").unwrap_or(text);
    if text.contains('\r') {
        return None;
    }
    let mut pieces = Pieces::default();
    for section in sections(text) {
        if let Some(rest) = section.strip_prefix("items:") {
            pieces.items = items(rest)?;
        } else if section.starts_with("functionConfig:") {
            pieces.config = Some(section);
        }
    }
    Some(pieces)
}

/// The documents of a stream.
pub fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line == "---" {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            *document += line;
            document.push('\n');
        }
    }
    documents.retain(|document| !document.trim().is_empty());
    documents
}

/// A section begins with a key in the first column.
fn sections(text: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    for line in text.lines() {
        if line.starts_with(|c: char| !c.is_whitespace() && c != '#' && c != '-') {
            sections.push(String::new());
        }
        if let Some(section) = sections.last_mut() {
            *section += line;
            section.push('\n');
        }
    }
    sections
}

/// What follows `items:`, each item moved to the first column.
fn items(text: &str) -> Option<Vec<String>> {
    let (first, rest) = text.split_once('\n')?;
    if !first.trim().is_empty() {
        return (first.trim() == "[]").then(Vec::new);
    }
    let indent = rest.find(|c: char| c != ' ')?;
    let mut items: Vec<String> = Vec::new();
    for line in rest.lines() {
        let is_blank = line.trim().is_empty();
        let line = match line.split_at_checked(indent) {
            Some((margin, line)) if margin.trim().is_empty() => line,
            _ if is_blank => "",
            _ => return None,
        };
        if line == "-" || line.starts_with("- ") {
            items.push(String::new());
        }
        let item = items.last_mut()?;
        *item += line;
        item.push('\n');
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_text() {
        let first = "- # why\n  kind: A\n  on: yes # 1.1\n  text: |\n    - a\n\n    items:\n";
        let second = "- {kind: B}\n# last\n";
        let config = "functionConfig: # c\n  kind: C\n";
        let pieces = Pieces {
            items: vec![first.to_owned(), second.to_owned()],
            config: Some(config.to_owned()),
        };
        let text = format!("kind: ResourceList\nitems:\n{first}{second}{config}results: []\n");
        assert_eq!(resource_list(&text).unwrap(), pieces);
        let indented = format!("{first}{second}").replace('\n', "\n  ");
        let text = format!("---\n{config}items:\n  {}\nkind: ResourceList\n", indented.trim_end());
        assert_eq!(resource_list(&text).unwrap(), pieces);
    }

    #[test]
    fn what_is_not_in_lines_has_no_pieces() {
        for text in
            ["items: [{a: b}]\n", "items:\n  a\n - b\n", "items:\r\n- a\r\n", "items:\nb: c\n"]
        {
            assert_eq!(resource_list(text), None, "{text}");
        }
        assert_eq!(resource_list("kind: ResourceList\n"), Some(Pieces::default()));
        assert_eq!(resource_list("items: []\n"), Some(Pieces::default()));
    }

    #[test]
    fn a_stream_is_cut_at_its_separators() {
        assert_eq!(documents("---\na: |\n  ---\n---\n\n---\nb: 1"), ["a: |\n  ---\n", "b: 1\n"]);
        assert!(documents("").is_empty());
    }
}
