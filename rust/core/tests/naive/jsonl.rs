//! The slow twin of `jsonl`: a parser by the letter of RFC 8259, one character at a time, that only says yes or no.

use diptych_core::jsonl::{Record, Value};

/// What each physical line is.
#[derive(Debug, PartialEq)]
pub enum Outcome<'a> {
    Blank,
    Bad,
    Good(Record<'a>),
}

/// Every physical line of the file.
pub fn lines(data: &[u8]) -> Vec<Outcome<'static>> {
    let mut lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    if let Some(first) = lines.first_mut() {
        *first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    }
    lines.into_iter().map(outcome).collect()
}

fn outcome(line: &[u8]) -> Outcome<'static> {
    let Ok(text) = str::from_utf8(line) else {
        return Outcome::Bad;
    };
    let mut reader = Reader {
        chars: text.chars().collect(),
        at: 0,
    };
    reader.white_space();
    if reader.peek().is_none() {
        return Outcome::Blank;
    }
    let value = reader.value(0);
    reader.white_space();
    match value {
        Some(Value::Object(record)) if reader.peek().is_none() => Outcome::Good(record),
        _ => Outcome::Bad,
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let found = self.peek().filter(|c| wanted(*c))?;
        self.at += 1;
        Some(found)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        word.chars()
            .try_for_each(|w| self.take(|c| c == w).map(|_| ()))
    }

    fn white_space(&mut self) {
        while self.take(|c| " \t\r\n".contains(c)).is_some() {}
    }

    fn value(&mut self, depth: usize) -> Option<Value<'static>> {
        match self.peek()? {
            '{' if depth < 128 => self.object(depth + 1),
            '[' if depth < 128 => self.array(depth + 1),
            '"' => self.string().map(|text| Value::String(text.into())),
            'n' => self.word("null").map(|()| Value::Null),
            't' => self.word("true").map(|()| Value::Bool(true)),
            'f' => self.word("false").map(|()| Value::Bool(false)),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value<'static>> {
        let mut record = Record::new();
        self.word("{")?;
        self.white_space();
        if self.word("}").is_some() {
            return Some(Value::Object(record));
        }
        loop {
            self.white_space();
            let key = self.string()?;
            self.white_space();
            self.word(":")?;
            self.white_space();
            let value = self.value(depth)?;
            if record.iter().any(|(known, _)| *known == key) {
                return None;
            }
            record.push((key.into(), value));
            self.white_space();
            match self.take(|c| c == ',' || c == '}')? {
                ',' => {}
                _ => return Some(Value::Object(record)),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value<'static>> {
        let mut items = Vec::new();
        self.word("[")?;
        self.white_space();
        if self.word("]").is_some() {
            return Some(Value::Array(items));
        }
        loop {
            self.white_space();
            items.push(self.value(depth)?);
            self.white_space();
            match self.take(|c| c == ',' || c == ']')? {
                ',' => {}
                _ => return Some(Value::Array(items)),
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let mut units: Vec<u16> = Vec::new();
        self.word("\"")?;
        loop {
            let unit = match self.take(|c| c >= ' ')? {
                '"' => return String::from_utf16(&units).ok(),
                '\\' => self.escape()?,
                plain => {
                    units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
                    continue;
                }
            };
            units.push(unit);
        }
    }

    fn escape(&mut self) -> Option<u16> {
        Some(match self.take(|_| true)? {
            c @ ('"' | '\\' | '/') => c as u16,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'u' => {
                let digits: Option<String> = (0..4)
                    .map(|_| self.take(|c| c.is_ascii_hexdigit()))
                    .collect();
                u16::from_str_radix(&digits?, 16).ok()?
            }
            _ => return None,
        })
    }

    fn digits(&mut self) -> Option<()> {
        self.take(|c| c.is_ascii_digit())?;
        while self.take(|c| c.is_ascii_digit()).is_some() {}
        Some(())
    }

    fn number(&mut self) -> Option<Value<'static>> {
        let start = self.at;
        let _sign = self.take(|c| c == '-');
        if self.take(|c| c == '0').is_none() {
            self.digits()?;
        }
        let end_of_integer = self.at;
        if self.take(|c| c == '.').is_some() {
            self.digits()?;
        }
        if self.take(|c| c == 'e' || c == 'E').is_some() {
            let _sign = self.take(|c| c == '-' || c == '+');
            self.digits()?;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        if self.at > end_of_integer {
            return text
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .map(Value::Float);
        }
        if let Ok(number) = text.parse::<i128>() {
            if let Ok(number) = i64::try_from(number) {
                return Some(Value::Int(number));
            }
            if let Ok(number) = u64::try_from(number) {
                return Some(Value::UInt(number));
            }
        }
        (text.trim_start_matches('-').len() <= 4300).then_some(Value::BigInt(text))
    }
}
