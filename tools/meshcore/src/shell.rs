//! Command lines that sh, bash, zsh and fish read back as the words they were made of: who is shown
//! a line pastes it into the shell that is open.

use crate::is_treacherous;

/// Flags of the programs that are called whose value may be any text. All of them take it after
/// `=`, too; clap, which ours have, takes what begins with a dash only so.
const OF_ANY_TEXT: [&str; 13] = [
    "--cluster",
    "--context",
    "--kube-context",
    "--kubeconfig",
    "--leave",
    "--name",
    "--namespace",
    "--network",
    "--organization",
    "--out",
    "--rev",
    "--root-dir",
    "-n",
];

/// What stands for a command with a word that no shell can hold: shells drop the character, and the
/// word would be another one. Records and captures with such names are refused where they are read,
/// so hardly anybody sees it.
fn no_command() -> String {
    refusal("a name in this command has the character NUL")
}

/// A line that fails, where a command would be another one than is meant.
#[must_use]
pub fn refusal(reason: &str) -> String {
    format!("false {}", quote(reason))
}

/// Joins words into a line for `sh`, quoting what the shell could take for something else. The
/// value of a flag is never taken for another flag. With NUL in a word it is a line that fails.
#[must_use]
pub fn command_line<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let mut line: Vec<String> = Vec::new();
    let mut flag = None;
    for word in words {
        let word = word.as_ref();
        if word.contains('\0') {
            return no_command();
        }
        match flag.take() {
            Some(flag) if could_be_flag(word) => {
                line.pop();
                line.push(quote(&format!("{flag}={word}")));
            }
            _ => {
                line.push(quote(word));
                flag = OF_ANY_TEXT.into_iter().find(|flag| *flag == word);
            }
        }
    }
    line.join(" ")
}

/// Words of a list in a message, each as a shell reads it back: whoever pastes the line runs nothing.
/// Of very many only the first.
#[must_use]
pub fn names<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    const SHOWN: usize = 50;
    let mut words = words.into_iter();
    let shown: Vec<String> = words.by_ref().take(SHOWN).map(|word| quote(word.as_ref())).collect();
    match words.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A line that shells skip, of a text with names in it. A shell at a terminal may have no comments
/// (zsh's default) and take it for a command, so nothing is left that would be run or waited for.
#[must_use]
pub fn comment(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " _-./:,+=@%".contains(c);
    let replaced = text.chars().map(|c| match c {
        '\'' => '\u{2019}',
        '(' | '[' => '\u{2013}',
        ')' | ']' => ' ',
        c if plain(c) => c,
        _ => '_',
    });
    let line: String = replaced.collect();
    format!("# {}", line.trim_end())
}

/// A path as an operand of a program that would take one with a dash for a flag.
#[must_use]
pub fn path(path: &str) -> String {
    if could_be_flag(path) { format!("./{path}") } else { path.to_owned() }
}

/// The command that gives a file its permissions.
#[must_use]
pub fn chmod(mode: &str, file: &std::path::Path) -> String {
    command_line(["chmod", mode, &path(&file.display().to_string())])
}

fn could_be_flag(word: &str) -> bool {
    // By itself it is standard input, or a name.
    word.len() > 1 && word.starts_with('-')
}

fn quote(word: &str) -> String {
    // No `~` and no `{}`: shells expand them in places; zsh a `=` at the start and, where its user
    // wants it, a `^`; fish `%self`.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-./:@,+=".contains(&b);
    if word.is_empty() {
        return "''".to_owned();
    }
    if !word.starts_with('=') && word.bytes().all(plain) {
        return word.to_owned();
    }
    // `$()` drops line feeds at the end.
    let body = word.trim_end_matches('\n');
    if body.contains(is_treacherous) {
        let (body, end) = word.split_at(body.len());
        let end = if end.is_empty() { String::new() } else { format!("'{end}'") };
        format!("\"$(printf '{}')\"{end}", printf_format(body))
    } else {
        in_single_quotes(word)
    }
}

/// In single quotes, but for what stands for itself there only in some of the shells: fish reads a
/// backslash before a quote, and before another backslash, as sh does outside of quotes.
fn in_single_quotes(word: &str) -> String {
    let (mut out, mut is_open) = (String::new(), false);
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        let is_escaped = c == '\'' || c == '\\' && matches!(rest.peek(), None | Some('\\' | '\''));
        if is_escaped == is_open {
            out.push('\'');
            is_open = !is_open;
        }
        if is_escaped {
            out.push('\\');
        }
        out.push(c);
    }
    if is_open {
        out.push('\'');
    }
    out
}

/// A text as `printf` takes it, with nothing in it that the terminal, on which the line may be
/// printed, would not show.
fn printf_format(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let is_plain = c.is_ascii_alphanumeric()
            || " _./:@,+=".contains(c)
            // At the start it would be an option.
            || c == '-' && !out.is_empty()
            || !c.is_ascii() && !is_treacherous(c);
        if is_plain {
            out.push(c);
        } else {
            out.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03o}")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_in_a_message_are_words() {
        assert_eq!(names(["a", "b c", "d;e"]), "a, 'b c', 'd;e'");
        let many: Vec<String> = (0..60).map(|i| i.to_string()).collect();
        assert!(names(&many).ends_with(", 48, 49 and 10 more"));
    }

    /// Of an attack: zsh at a terminal ran what stood in a comment.
    #[test]
    fn nothing_of_a_comment_is_run() {
        let name = "a$(touch x)`touch y`;touch z\n&& 'b' \"c\" > d {e} [f]";
        let line = comment(&format!("1. wait for the gateway's address: {name}"));
        assert!(line.starts_with("# 1. wait for the gateway\u{2019}s address: a_\u{2013}touch x"));
        let is_active = |c: char| "$`;&|<>()[]{}'\"\\!*?~#\n".contains(c);
        assert!(!line[1..].contains(is_active), "{line}");
    }

    #[test]
    fn words_without_risk_stay_as_they_are() {
        let line = command_line(["gcloud", "--source-ranges=10.0.0.0/8,10.1.0.0/16", "a b", ""]);
        assert_eq!(line, "gcloud --source-ranges=10.0.0.0/8,10.1.0.0/16 'a b' ''");
        assert_eq!(
            command_line(["it's", "$(x)", "~", "a\nb"]),
            "'it'\\''s' '$(x)' '~' \"$(printf 'a\\012b')\""
        );
        assert_eq!(command_line(["a=b", "=b"]), "a=b '=b'");
    }

    #[test]
    fn names_are_no_flags() {
        let words =
            ["kubectl", "--context", "--all", "get", "-n", "-A", "-f", "-", "--context", "-"];
        let line = "kubectl --context=--all get -n=-A -f - --context -";
        assert_eq!(command_line(words), line);
        let odd = ["x", "--context", "--context", "--name", "-a b", "--quiet", "--name"];
        assert_eq!(command_line(odd), "x --context=--context '--name=-a b' --quiet --name");
        assert_eq!((path("-a"), path("a")), ("./-a".to_owned(), "a".to_owned()));
        assert_eq!(chmod("600", "-a b".as_ref()), "chmod 600 './-a b'");
    }

    #[test]
    fn a_printed_line_does_not_drive_the_terminal() {
        let line = command_line(["a\x1b[1m%'\n\n", "\u{202e}é!", "--\t"]);
        assert_eq!(
            line,
            "\"$(printf 'a\\033\\1331m\\045\\047')\"'\n\n' \"$(printf '\\342\\200\\256é\\041')\" \"$(printf '\\055-\\011')\""
        );
    }

    #[test]
    fn a_backslash_is_not_left_to_fish() {
        let line = command_line([r"x\';touch PWND;\'", r"a\nb\\", r"\", "%self", "a^b"]);
        assert_eq!(line, r"'x'\\\'';touch PWND;'\\\' 'a\nb'\\\\ \\ '%self' 'a^b'");
    }

    #[test]
    fn a_word_with_nul_makes_no_command() {
        for words in [["kubectl", "--context", "prod\0"], ["\0", "", ""], ["rm", "-n", "\0-x"]] {
            let line = command_line(words);
            assert_eq!(line, no_command(), "{words:?}");
            for mut shell in shells() {
                let output = shell.arg(&line).output().unwrap();
                assert_eq!(output.status.code(), Some(1), "{output:?}");
            }
        }
    }

    /// The shells that this machine has, each without its user's settings.
    fn shells() -> impl Iterator<Item = std::process::Command> {
        let all = [&["sh"][..], &["bash", "--norc"], &["zsh", "-f"], &["fish", "--no-config"]];
        let command = |words: &[&str]| {
            let mut shell = std::process::Command::new(words[0]);
            shell.args(&words[1..]).arg("-c");
            shell
        };
        all.into_iter()
            .filter(move |words| command(words).arg("true").output().is_ok())
            .map(command)
    }

    proptest! {
        // 15,000 words in as many shells as there are cases.
        #![proptest_config(ProptestConfig::with_cases(50))]
        #[test]
        fn real_shells_read_the_same_words(words in prop::collection::vec(
            "[^\0]{0,12}|[ -~\n]{0,12}|[\\\\'\"$ n]{0,8}|[\x01-\x7f\u{80}-\u{9f}\u{2020}-\u{2070}]{0,12}",
            300
        )) {
            let line = format!("printf '%s\\0' {}", command_line(&words));
            let expected: Vec<&[u8]> =
                words.iter().map(String::as_bytes).chain([&b""[..]]).collect();
            for mut shell in shells() {
                let output = shell.arg(&line).output().unwrap();
                let read: Vec<&[u8]> = output.stdout.split(|&b| b == 0).collect();
                prop_assert_eq!(&read, &expected, "{:?}", shell.get_program());
            }
        }
    }
}
