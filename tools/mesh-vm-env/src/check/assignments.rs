//! Lines of variables, as a POSIX shell sources them; and whatever else a shell would do.

/// A variable that a text sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its name.
    pub name: String,
    /// What it is set to.
    pub value: String,
    /// Its line, from 1.
    pub line: usize,
    /// Whether a pattern of file names stands in it without quotes.
    pub has_pattern: bool,
}

/// Something in a text that is no plain assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surprise {
    /// What it is.
    pub kind: Kind,
    /// Its line, from 1.
    pub line: usize,
}

/// What a shell does beside setting a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It runs a command, or writes to a file.
    Executes,
    /// It puts something else in the place of `$NAME` or `~`.
    Expands,
    /// It stops: quotes without an end, or a semicolon with nothing before it.
    Stops,
    /// It takes the carriage return of a line from Windows for a part of the value.
    CarriageReturn,
}

/// What a text sets, and what else it does. Where nothing surprises, a shell sets just these.
#[must_use]
pub fn read(text: &str) -> (Vec<Assignment>, Vec<Surprise>) {
    let mut reader = Reader {
        rest: text,
        line: 1,
        is_after_word: false,
        assignments: Vec::new(),
        surprises: Vec::new(),
    };
    while !reader.rest.is_empty() {
        reader.statement();
    }
    (reader.assignments, reader.surprises)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    is_after_word: bool,
    assignments: Vec<Assignment>,
    surprises: Vec<Surprise>,
}

/// Characters that end a word, beside blanks, and have a meaning of their own.
const OPERATORS: [char; 6] = ['&', '|', '<', '>', '(', ')'];

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn surprise(&mut self, kind: Kind) {
        let surprise = Surprise { kind, line: self.line };
        if self.surprises.last() != Some(&surprise) {
            self.surprises.push(surprise);
        }
    }

    /// Leaves out the rest of the line: what a command gets is its own affair.
    fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.take();
        }
    }

    /// One word and what separates it from the next.
    fn statement(&mut self) {
        match self.peek() {
            Some(' ' | '\t') => {
                self.take();
            }
            Some(end @ ('\n' | ';')) => {
                if end == ';' && !self.is_after_word {
                    self.surprise(Kind::Stops);
                }
                self.is_after_word = false;
                self.take();
            }
            Some('#') => self.skip_line(),
            _ => {
                self.word();
                self.is_after_word = true;
            }
        }
    }

    fn word(&mut self) {
        let line = self.line;
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = self.rest[..end.unwrap_or(self.rest.len())].to_owned();
        let after = &self.rest[name.len()..];
        if name == "export" && after.starts_with([' ', '\t']) {
            self.rest = after;
            return;
        }
        if name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
            || !after.starts_with('=')
        {
            self.surprise(Kind::Executes);
            self.skip_line();
            return;
        }
        self.rest = &after[1..];
        let mut value = Value::default();
        self.value(&mut value);
        let Value { text, has_pattern } = value;
        if text.ends_with('\r') {
            self.surprises.push(Surprise { kind: Kind::CarriageReturn, line });
        }
        self.assignments.push(Assignment { name, value: text, line, has_pattern });
    }

    fn value(&mut self, value: &mut Value) {
        let mut is_start = true;
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' => return,
                _ if OPERATORS.contains(&c) => {
                    self.surprise(Kind::Executes);
                    self.skip_line();
                    return;
                }
                _ => {}
            }
            self.take();
            match c {
                '\'' => self.single_quotes(value),
                '"' if self.double_quotes(value) => {}
                '`' | '$' if self.is_literal(c) => value.text.push(c),
                // How far it goes is nothing that matters any more.
                '"' | '`' | '$' => return self.skip_line(),
                '\\' => match self.take() {
                    Some('\n') => {}
                    Some(c) => value.text.push(c),
                    None => value.text.push('\\'),
                },
                '~' if is_start => self.surprise(Kind::Expands),
                _ => {
                    value.has_pattern |= matches!(c, '*' | '?' | '[');
                    value.text.push(c);
                }
            }
            // After a colon, too, a tilde is somebody's home.
            is_start = c == ':';
        }
    }

    fn single_quotes(&mut self, value: &mut Value) {
        let line = self.line;
        while let Some(c) = self.take() {
            if c == '\'' {
                return;
            }
            value.text.push(c);
        }
        self.surprises.push(Surprise { kind: Kind::Stops, line });
    }

    /// False where the reading ended in a surprise.
    fn double_quotes(&mut self, value: &mut Value) -> bool {
        let line = self.line;
        while let Some(c) = self.take() {
            match c {
                '"' => return true,
                '`' | '$' if !self.is_literal(c) => return false,
                '\\' => match self.peek() {
                    Some('\n') => {
                        self.take();
                    }
                    Some(next @ ('"' | '\\' | '`' | '$')) => {
                        self.take();
                        value.text.push(next);
                    }
                    _ => value.text.push('\\'),
                },
                _ => value.text.push(c),
            }
        }
        self.surprises.push(Surprise { kind: Kind::Stops, line });
        false
    }

    /// Whether a dollar sign, which was taken, stands for itself; otherwise it is a surprise.
    fn is_literal(&mut self, sign: char) -> bool {
        match self.peek() {
            _ if sign == '`' => self.surprise(Kind::Executes),
            Some('(') => self.surprise(Kind::Executes),
            // `$'` and `$"` are quotes to bash and not to other shells.
            Some(c) if c.is_ascii_alphanumeric() || "_{'\"@*#?-$!".contains(c) => {
                self.surprise(Kind::Expands);
            }
            _ => return true,
        }
        false
    }
}

#[derive(Default)]
struct Value {
    text: String,
    has_pattern: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::process::Command;

    fn values(text: &str) -> Vec<(String, String)> {
        let (assignments, surprises) = read(text);
        assert_eq!(surprises, [], "{text}");
        assignments.into_iter().map(|it| (it.name, it.value)).collect()
    }

    fn surprises(text: &str) -> Vec<(Kind, usize)> {
        read(text).1.into_iter().map(|it| (it.kind, it.line)).collect()
    }

    #[test]
    fn plain_assignments_are_read() {
        let text =
            "# env\nA=1\nexport B='it'\"'\"'s'; C=\"a \\$b\\\\ \\c\"\n D=a\\ b  # c\nE=\nF=$ G=a#b";
        let expected = [
            ("A", "1"),
            ("B", "it's"),
            ("C", "a $b\\ \\c"),
            ("D", "a b"),
            ("E", ""),
            ("F", "$"),
            ("G", "a#b"),
        ];
        assert_eq!(values(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let (assignments, _) = read("A='\n'\nB=*\nC='*'");
        let lines: Vec<_> = assignments.iter().map(|it| (it.line, it.has_pattern)).collect();
        assert_eq!(lines, [(1, false), (3, true), (4, false)]);
    }

    #[test]
    fn what_else_a_shell_would_do_is_told() {
        for (text, kind, line) in [
            ("A=10.0.0.0/8 10.4.0.0/14", Kind::Executes, 1),
            ("A=1\nISTIO-X=1", Kind::Executes, 2),
            ("A=$(reboot)", Kind::Executes, 1),
            ("A=\"`reboot`\"", Kind::Executes, 1),
            ("A=`reboot`", Kind::Executes, 1),
            ("A=1;reboot", Kind::Executes, 1),
            ("A=1&reboot", Kind::Executes, 1),
            ("A=1>/etc/passwd", Kind::Executes, 1),
            ("{\"a\": 1}", Kind::Executes, 1),
            ("A=$HOME", Kind::Expands, 1),
            ("A=\"${HOME}\"", Kind::Expands, 1),
            ("A=~", Kind::Expands, 1),
            ("A=a:~/b", Kind::Expands, 1),
            ("A=1\nB='a\nb", Kind::Stops, 2),
            ("A=\"a", Kind::Stops, 1),
            ("A=1;\n;B=2", Kind::Stops, 2),
            ("A=1\r\n", Kind::CarriageReturn, 1),
        ] {
            assert_eq!(surprises(text), [(kind, line)], "{text}");
        }
        assert_eq!(surprises("A=a~b\nB='$(x)`;~'\n"), []);
    }

    proptest! {
        #[test]
        fn what_we_write_never_surprises(
            variables in prop::collection::btree_map("[A-Z_]{1,5}", "[^\0]{0,12}|['\"`$\\\\(){}*~;&|<>#!\n\r]{0,9}", 0..5)
        ) {
            let (assignments, surprises) = read(&crate::environment::lines(&variables));
            let read: BTreeMap<_, _> = assignments.into_iter().map(|it| (it.name, it.value)).collect();
            let returns = |(_, value): (_, &String)| value.ends_with('\r');
            prop_assert_eq!(surprises.len(), variables.iter().filter(|&it| returns(it)).count());
            prop_assert_eq!(read, variables);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn where_nothing_surprises_a_real_shell_sees_the_same(
            text in prop_oneof![
                "((A|B|export C)=|['\"\\\\$ab*~:;# \n]|=){0,14}",
                "((A|B|export C)=('[a$~;#\\\\\n]{0,3}'|\"[ab~;#'\n]{0,3}\"|\\\\[$a~:;#'\" \n]|[ab*:=#$~]){0,4}( |;|\n| #x\n)){0,4}",
            ]
        ) {
            let (assignments, surprises) = read(&text);
            if !surprises.is_empty() {
                return Ok(());
            }
            let set: BTreeMap<_, _> = assignments.into_iter().map(|it| (it.name, it.value)).collect();
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("env");
            std::fs::write(&file, &text).unwrap();
            let script = ". \"$0\"; printf '%s\\0' \"${A-unset}\" \"${B-unset}\" \"${C-unset}\"";
            let mut shell = Command::new("sh");
            let output = shell.args(["-c", script]).arg(&file).env_clear().output().unwrap();
            prop_assert!(output.status.success() && output.stderr.is_empty(), "{:?}", output);
            let expected: String = ["A", "B", "C"]
                .map(|name| set.get(name).map_or("unset", String::as_str).to_owned() + "\0")
                .concat();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        }
    }
}
