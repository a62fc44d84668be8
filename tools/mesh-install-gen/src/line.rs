//! One command line, and what the scripts cannot be told.

use meshcore::{Error, Result, shell};

/// A command with its options, in order.
#[derive(Debug)]
pub(crate) struct Line {
    words: Vec<String>,
    /// The first option whose value begins with '-'.
    wrong: Option<String>,
}

impl Line {
    pub(crate) fn new(words: &[&str]) -> Self {
        Self { words: words.iter().map(|&word| word.to_owned()).collect(), wrong: None }
    }

    pub(crate) fn flag(&mut self, flag: &str) {
        self.words.push(flag.to_owned());
    }

    pub(crate) fn option(&mut self, option: &str, value: &str) {
        if value.starts_with('-') {
            self.wrong.get_or_insert(format!("{option} {value}"));
        }
        self.words.extend([option.to_owned(), value.to_owned()]);
    }

    /// The line for a shell. asmcli takes a value that begins with '-' for the next option
    /// (`arg_required` of asmcli/lib/validate.sh).
    pub(crate) fn finish(self) -> Result<String> {
        match self.wrong {
            None => Ok(shell::command_line(self.words)),
            Some(option) => Err(Error::data(format!(
                "{option}: the script takes a value that begins with '-' for an option"
            ))
            .hint("rename it")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_and_dashes_refused() {
        let mut line = Line::new(&["./asmcli", "install"]);
        line.option("--kubeconfig", "my config");
        line.flag("--managed");
        assert_eq!(line.finish().unwrap(), "./asmcli install --kubeconfig 'my config' --managed");
        let mut line = Line::new(&["./asmcli"]);
        line.option("--context", "-x");
        let error = line.finish().unwrap_err();
        assert!(error.message().text().starts_with("--context -x: "), "{error:?}");
    }
}
