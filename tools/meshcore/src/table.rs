//! Tables for people: columns by two spaces, no lines, as kubectl prints them.

/// A header and rows; every row has as many cells as the header. An empty cell is shown as `-`,
/// so that columns can be cut by awk. Control characters are shown as escapes.
#[must_use]
pub fn text(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
    let shown = |cell: String| if cell.is_empty() { "-".to_owned() } else { crate::visible(&cell) };
    let rows = rows.into_iter().map(|row| row.into_iter().map(shown).collect());
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|c| c.chars().count()).max()
    };
    let widths: Vec<usize> = (0..lines[0].len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| padded(cell, width));
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out
}

/// Not by `{cell:width$}`, which panics beyond 65535.
fn padded(cell: &str, width: usize) -> String {
    cell.to_owned() + &" ".repeat(width.saturating_sub(cell.chars().count()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn cells_may_be_of_any_length() {
        let text = super::text(&["N", "M"], [vec!["a".repeat(100_000), "b".to_owned()]]);
        assert!(text.ends_with("a  b\n"), "{}", text.len());
    }

    #[test]
    fn columns_are_aligned_and_nothing_is_empty() {
        let rows =
            [vec!["a".to_owned(), String::new()], vec!["long\x1b".to_owned(), "x".to_owned()]];
        assert_eq!(
            super::text(&["N", "VALUE"], rows),
            "N           VALUE\na           -\nlong\\u{1b}  x\n"
        );
    }
}
