//! Inputs that are wrong before they are about anything.

/// An input by its name in the report of a failure.
pub struct Input {
    pub name: String,
    pub bytes: Vec<u8>,
    /// Whether no program may take it.
    pub is_bad: bool,
}

impl Input {
    fn bad(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into(), is_bad: true }
    }

    fn any(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into(), is_bad: false }
    }
}

/// Nesting that no reader may follow.
const DEPTH: usize = 10_000;

/// What is wrong whatever was meant to be read.
pub fn of_no_kind() -> Vec<Input> {
    let deep = |open: &str, close: &str| open.repeat(DEPTH) + "1" + &close.repeat(DEPTH);
    let block: String = (0..2_000).map(|level| " ".repeat(level) + "a:\n").collect();
    let mut aliases = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    let mut merges = "a: &a {x: 1}\n".to_owned();
    for letter in b'b'..=b'z' {
        let (this, last) = (char::from(letter), char::from(letter - 1));
        aliases += &format!("{this}: &{this} [{}]\n", vec![format!("*{last}"); 9].join(","));
        merges += &format!("{this}: &{this} {{<<: [*{last}, *{last}], m{this}: *{last}}}\n");
    }
    let mut all = vec![
        Input::bad("nothing", ""),
        Input::bad("blanks", " \t\r\n\n"),
        Input::bad("a byte order mark alone", "\u{feff}"),
        Input::bad("NUL", "\0"),
        Input::bad("a page of NUL", vec![0; 4096]),
        Input::bad("UTF-16LE", b"\xff\xfe{\0}\0".as_slice()),
        Input::bad("UTF-16BE", b"\xfe\xff\0{\0}".as_slice()),
        Input::bad("UTF-32LE", b"\xff\xfe\0\0{\0\0\0".as_slice()),
        Input::bad("Latin-1", b"name: caf\xe9".as_slice()),
        Input::bad("overlong UTF-8", b"name: \xc0\xaf".as_slice()),
        Input::bad("a surrogate in UTF-8", b"name: \xed\xa0\x80".as_slice()),
        Input::bad("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice()),
        Input::bad("ELF", b"\x7fELF\x02\x01\x01\0\0\0".as_slice()),
        Input::bad("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice()),
        Input::bad("open objects", "{\"a\":".repeat(DEPTH)),
        Input::bad("open lists", "[".repeat(DEPTH)),
        Input::bad("closing brackets", "]".repeat(DEPTH)),
        Input::bad("deep lists", deep("[", "]")),
        Input::bad("deep flow lists of YAML", format!("a: {}", deep("[", "]"))),
        Input::bad("deep flow mappings of YAML", format!("- {}", deep("{a: ", "}"))),
        Input::bad("deep block lists", format!("{}a", "- ".repeat(DEPTH))),
        Input::bad("deep explicit keys", format!("{}a", "? ".repeat(DEPTH))),
        Input::bad("deep block mappings", block),
        Input::bad("aliases that multiply", aliases),
        Input::bad("merges that multiply", merges),
        Input::bad("an alias of itself", "a: &a [*a]"),
        Input::bad("a merge of itself", "a: &a\n  <<: *a"),
        Input::bad("an unknown alias", "a: *b"),
        Input::bad("a tag of a program", "a: !!python/object/apply:os.system [id]"),
        Input::bad("a tag of its own", "kind: !thing {a: 1}"),
        Input::bad("YAML of the future", "%YAML 9.9\n---\na: 1"),
        Input::bad("two directives", "%YAML 1.1\n%YAML 1.1\n---\na: 1"),
        Input::bad("a tab for indentation", "a:\n\tb: 1"),
        Input::bad("a list for a key", "? [a]\n: b"),
        Input::bad("open quotes", "a: \"b"),
        Input::bad("an open block", "a: [b\nc: d"),
        Input::bad("colons", "a: b: c"),
        Input::bad("no number", "a: .nan"),
        Input::bad("infinity", "a: -.inf"),
        Input::bad("a comment alone", "# nothing\n"),
        Input::bad("markers alone", "---\n---\n...\n---\n"),
        Input::bad("null", "null"),
        Input::bad("true", "true"),
        Input::bad("a number", "17"),
        Input::bad("a huge number", "9".repeat(100_000)),
        Input::bad("1e999", "1e999"),
        Input::bad("a string", "\"a\""),
        Input::bad("a word", "word"),
        Input::bad("lists of numbers", "[1, 2]"),
        Input::bad("a list of null", "[null]"),
        Input::any("an empty list", "[]"),
        Input::bad("lists in lists in lists", "[[[[[{}]]]]]"),
        Input::bad("an empty object", "{}"),
        Input::bad("a list of an empty object", "[{}]"),
        Input::bad("an object of kind null", "{\"kind\": null}"),
        Input::bad("an object of kind 1", "{\"kind\": 1, \"apiVersion\": 2}"),
        Input::bad("an object of kind list", "{\"kind\": [], \"metadata\": []}"),
        Input::any("a List without items", "{\"kind\": \"List\"}"),
        Input::any("a List of null", "{\"kind\": \"List\", \"items\": null}"),
        Input::any("a List of an object", "{\"kind\": \"List\", \"items\": {\"a\": 1}}"),
        Input::bad("a List of numbers", "{\"kind\": \"List\", \"items\": [1]}"),
        Input::any("a List of nothing", "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}"),
        Input::bad("a comma too many", "{\"kind\": \"List\",,}"),
        Input::bad("a lone surrogate", "{\"kind\": \"\\ud800\"}"),
        Input::bad("a bad escape", "{\"kind\": \"\\x41\\\"}"),
        Input::bad("a control character in a string", "{\"kind\": \"a\u{1}\"}"),
        Input::any("NaN", "{\"kind\": NaN}"),
        Input::bad("concatenated garbage", "{\"a\":1}}{"),
        Input::bad("XML", "<?xml version=\"1.0\"?><a/>"),
        Input::bad("an HTML page", "<!doctype html>\n<html><body>502 Bad Gateway</body></html>"),
        Input::bad("an error of kubectl", "Error from server (Forbidden): secrets is forbidden"),
        Input::bad("an error of gcloud", "ERROR: (gcloud.container.clusters.list) 403: denied"),
        Input::bad("a warning before JSON", "WARNING: an update is there\n{\"kind\": \"Pod\"}"),
        Input::any(
            "a Status",
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"\\u001b[2Jgone\"}",
        ),
        Input::bad("a Windows path", "C:\\Users\\admin\\.kube\\config"),
        Input::bad("escape sequences", "\u{1b}[2J\u{1b}]0;title\u{7}: \u{9b}31m"),
        Input::bad("a path with escapes", "\"\u{1b}[31mred\": [1"),
        Input::bad("a shell's text", "$(touch PWNED) `id`; rm -rf / | sh"),
        Input::bad("many documents of nothing", "---\n".repeat(10_000)),
    ];
    all.push(Input::any("many empty objects", "{}\n".repeat(10_000)));
    all
}

/// Lines of 100 MB, each for a program of its own.
pub fn long_lines() -> [Input; 3] {
    let long = |byte: &str| byte.repeat(100_000_000);
    let record = r#"{"apiVersion":"meshutils/v1alpha1","kind":"Cluster","name":""#;
    [
        Input::bad("a range", "10.0.0.0/8 ".to_owned() + &long("1")),
        Input::any("a reply", long("\u{1b}")),
        Input::any("a name", format!("{record}{}\"}}", long("a"))),
    ]
}

/// A good document spoiled, or written in another way.
pub fn of_document(text: &str) -> Vec<Input> {
    let utf16 = |of: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(of).collect::<Vec<u8>>();
    let trimmed = text.trim_end();
    let mut all: Vec<Input> = (1..8)
        .map(|part| {
            let mut end = trimmed.len() * part / 8;
            while !trimmed.is_char_boundary(end) {
                end -= 1;
            }
            Input::bad(&format!("{part}/8 of it"), &trimmed[..end])
        })
        .collect();
    let compact = trimmed.replace('\n', " ");
    all.extend([
        Input::bad("all but the last byte", &trimmed[..trimmed.len() - 1]),
        Input::bad("as UTF-16LE without a mark", utf16(u16::to_le_bytes)),
        Input::bad("as UTF-16BE without a mark", utf16(u16::to_be_bytes)),
        Input::bad("NUL before it", format!("\0{text}")),
        Input::bad("NUL after it", format!("{text}\0")),
        Input::bad("NUL in the middle", text.replacen(':', ":\0", 1)),
        Input::bad("another bracket after it", format!("{trimmed}]")),
        Input::bad("an open object after it", format!("{text}\n{{\"a\":")),
        Input::bad("a line of garbage after it", format!("{text}\n\u{1b}[31mgarbage")),
        Input::bad("in single quotes", trimmed.replace('"', "'") + "'"),
        Input::bad(
            "deep inside",
            format!("{}{trimmed}{}", "[".repeat(DEPTH / 10), "]".repeat(DEPTH / 10)),
        ),
        Input::any("with two marks", format!("\u{feff}\u{feff}{text}")),
        Input::any("with a byte order mark", format!("\u{feff}{text}")),
        Input::any("with CRLF", text.replace('\n', "\r\n")),
        Input::any("with lone CR", text.replace('\n', "\r")),
        Input::any("without line feeds", compact.clone()),
        Input::any("twice", format!("{text}{text}")),
        Input::any("as a document of YAML", format!("---\n{compact}\n...\n")),
        Input::any("with a comment", format!("# a comment\n{compact}")),
        Input::any("in a list", format!("[{trimmed}]")),
        Input::any("with keys twice", with_keys_twice(trimmed)),
        Input::any("with blanks around", format!("\n\n  {trimmed}\n\n\n")),
    ]);
    all
}

/// The first object with all its keys once more.
fn with_keys_twice(text: &str) -> String {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return text.to_owned();
    };
    let object = value.get(0).unwrap_or(&value).to_string();
    let pairs = &object[1..object.len() - 1];
    format!("{{{pairs},{pairs}}}")
}
