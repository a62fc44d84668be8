//! Messages for people: one line of what and where, then hints; always on standard error.

use clap::{Args, ValueEnum};
use serde::Serialize;
use std::borrow::Cow;
use std::io::Write as _;

/// A line that says what and where, and lines that say what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    text: String,
    hints: Vec<String>,
}

impl Message {
    /// A message without hints yet.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), hints: Vec::new() }
    }

    /// Adds a line that says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Puts `place:` before the text: a file, a document, a context.
    #[must_use]
    pub fn at(mut self, place: impl std::fmt::Display) -> Self {
        self.text = format!("{place}: {}", self.text);
        self
    }

    /// What was wrong, and where.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What to do next.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per message: tool, level, message, hints.
    Json,
}

/// The flags about messages that every tool has.
#[derive(Debug, Args)]
pub struct Messages {
    /// Print neither warnings nor notes
    #[arg(short, long, help_heading = "Messages")]
    quiet: bool,
    /// Form of the messages on standard error
    #[arg(long, value_enum, default_value = "text", help_heading = "Messages")]
    log_format: LogFormat,
}

/// Where a tool's messages go.
#[derive(Debug)]
pub struct Console {
    tool: String,
    quiet: bool,
    format: LogFormat,
}

impl Console {
    pub(crate) fn new(tool: &str, messages: &Messages) -> Self {
        Self { tool: tool.to_owned(), quiet: messages.quiet, format: messages.log_format }
    }

    /// Something the user should know although the tool goes on. Silent with `--quiet`.
    pub fn warn(&self, message: &Message) {
        if !self.quiet {
            self.print("warning", message);
        }
    }

    /// Something that was done and is worth knowing. Silent with `--quiet`.
    pub fn note(&self, message: &Message) {
        if !self.quiet {
            self.print("note", message);
        }
    }

    /// Whether the user wants to see errors alone.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The reason why the tool ends, or why its answer is a no.
    pub fn error(&self, message: &Message) {
        self.print("error", message);
    }

    fn print(&self, level: &str, message: &Message) {
        let text = match self.format {
            LogFormat::Text => {
                let mut text =
                    format!("{}: {level}: {}\n", self.tool, visible(&cut(&message.text)));
                for hint in &message.hints {
                    text += &format!("{}: hint: {}\n", self.tool, visible(&cut(hint)));
                }
                text
            }
            LogFormat::Json => json_line(&self.tool, level, message),
        };
        // Nobody is left to tell when standard error is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// A message repeats what it is about, which may be as long as the input.
const MAX_TEXT: usize = 10_000;

fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn json_line(tool: &str, level: &str, message: &Message) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        tool: &'a str,
        level: &'a str,
        message: &'a str,
        hints: Vec<Cow<'a, str>>,
    }
    let hints = message.hints.iter().map(|hint| cut(hint)).collect();
    let line = Line { tool, level, message: &cut(&message.text), hints };
    let line = serde_json::to_string(&line).expect("strings are JSON");
    visible_json(&line) + "\n"
}

/// The same JSON with treacherous characters as escapes: serde writes them as they are.
pub(crate) fn visible_json(line: &str) -> String {
    escaped(line, |c, out| {
        out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")));
    })
}

/// Whether a character drives a terminal, or changes or hides what is beside it: control
/// characters, those that turn the direction of writing, separators of lines, invisible ones.
#[must_use]
pub fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
}

/// Treacherous characters as escapes: names come from clusters and must not drive the terminal.
#[must_use]
pub fn visible(text: &str) -> String {
    escaped(text, |c, out| out.extend(c.escape_unicode()))
}

fn escaped(text: &str, escape: impl Fn(char, &mut String)) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_treacherous(c) {
            escape(c, &mut out);
        } else {
            out.push(c);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(visible("a\x1b[31m\nb"), r"a\u{1b}[31m\u{a}b");
        assert_eq!(visible("\u{9b}\u{202e}é\u{2066}\u{2029}"), r"\u{9b}\u{202e}é\u{2066}\u{2029}");
    }

    #[test]
    fn nor_do_they_in_json() {
        let line = json_line("mesh-x", "error", &Message::new("\u{9b}\u{202e}é\u{e0041}"));
        assert!(line.contains(r"\u009b\u202eé\udb40\udc41"), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["message"], "\u{9b}\u{202e}é\u{e0041}");
    }

    #[test]
    fn messages_are_not_as_long_as_the_input() {
        assert_eq!(cut(&"é".repeat(MAX_TEXT + 1)).chars().count(), MAX_TEXT + 1);
        assert_eq!(cut("é"), "é");
        let line = json_line("mesh-x", "error", &Message::new("").hint("a".repeat(MAX_TEXT * 2)));
        assert!(line.len() < MAX_TEXT + 100);
    }

    #[test]
    fn json_messages_are_one_line() {
        let line = json_line("mesh-x", "error", &Message::new("a\nb").hint("c"));
        assert_eq!(
            line,
            "{\"tool\":\"mesh-x\",\"level\":\"error\",\"message\":\"a\\nb\",\"hints\":[\"c\"]}\n"
        );
    }
}
