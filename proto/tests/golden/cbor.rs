//! Just enough CBOR to take canonical bytes apart and write them again, wrong in one place.
//!
//! A second opinion on SPEC CODEC-1: [`parse`] knows nothing of the library behind `codec` and panics on whatever the
//! SPEC does not allow.

/// The kinds of items that canonical bytes are made of. SPEC CODEC-1.
#[derive(Clone, Debug)]
enum Item {
    Uint(u64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Item>),
    Map(Vec<(Item, Item)>),
    /// 20 and 21: false, true. 22: null.
    Simple(u8),
}

/// One way to write an item that a lenient decoder may well read, and that is not the one accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    /// Number or length in 1, 2, 4 or 8 bytes where fewer suffice.
    Widen(u8),
    /// Length left open.
    Indefinite,
    /// A tag in front.
    Tag,
    /// The tag "this is CBOR" in front.
    SelfDescribed,
    /// The first two fields in the other order.
    Swap,
    /// The last field twice.
    Duplicate,
    /// The last field missing.
    Drop,
    /// A field too many.
    Unknown,
    /// A structure without its field numbers.
    MapAsArray,
    /// Field numbers as text.
    TextKeys,
    /// A byte string as hex text.
    BytesAsText,
    /// A byte string as a list of numbers.
    BytesAsArray,
    /// Text as a byte string.
    TextAsBytes,
    /// A number as a byte string with the tag "big number".
    Bignum,
    /// A number as a float.
    Float,
    /// null as "undefined".
    Undefined,
    /// false, true or null in two bytes.
    LongSimple,
}

impl Damage {
    pub(crate) const ALL: [Self; 20] = [
        Self::Widen(0),
        Self::Widen(1),
        Self::Widen(2),
        Self::Widen(3),
        Self::Indefinite,
        Self::Tag,
        Self::SelfDescribed,
        Self::Swap,
        Self::Duplicate,
        Self::Drop,
        Self::Unknown,
        Self::MapAsArray,
        Self::TextKeys,
        Self::BytesAsText,
        Self::BytesAsArray,
        Self::TextAsBytes,
        Self::Bignum,
        Self::Float,
        Self::Undefined,
        Self::LongSimple,
    ];
}

/// Every way to damage one item of `canonical` by `how`, as bytes that differ from it.
pub(crate) fn damaged(canonical: &[u8], how: Damage) -> Vec<Vec<u8>> {
    let item = parse(canonical);
    assert_eq!(write(&item, None), canonical, "taken apart and written again");
    let variants = (0..count(&item)).map(|at| write(&item, Some((at, how))));
    variants.filter(|bytes| bytes != canonical).collect()
}

fn count(item: &Item) -> usize {
    match item {
        Item::Uint(_) | Item::Bytes(_) | Item::Text(_) | Item::Simple(_) => 1,
        Item::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Item::Map(fields) => 1 + fields.iter().map(|(key, value)| count(key) + count(value)).sum::<usize>(),
    }
}

// ---- Reading ----

/// Panics on anything but one whole item of the subset in SPEC CODEC-1.
fn parse(bytes: &[u8]) -> Item {
    let mut rest = bytes;
    let item = parse_item(&mut rest);
    assert!(rest.is_empty(), "bytes after the item");
    item
}

fn take<'a>(rest: &mut &'a [u8], count: u64) -> &'a [u8] {
    let (taken, left) = rest.split_at(usize::try_from(count).expect("fits"));
    *rest = left;
    taken
}

fn parse_item(rest: &mut &[u8]) -> Item {
    let first = take(rest, 1)[0];
    let (major, info) = (first >> 5, first & 31);
    if major == 7 {
        assert!((20..=22).contains(&info), "only false, true and null: no floats, no undefined");
        return Item::Simple(info);
    }
    let number = parse_number(rest, info);
    match major {
        0 => Item::Uint(number),
        2 => Item::Bytes(take(rest, number).to_vec()),
        3 => Item::Text(String::from_utf8(take(rest, number).to_vec()).expect("text is UTF-8")),
        4 => Item::Array((0..number).map(|_| parse_item(rest)).collect()),
        5 => Item::Map((0..number).map(|_| (parse_item(rest), parse_item(rest))).collect()),
        _ => panic!("no negative numbers, no tags"),
    }
}

fn parse_number(rest: &mut &[u8], info: u8) -> u64 {
    let (bytes, least) = match info {
        0..=23 => return u64::from(info),
        24 => (1, 24),
        25 => (2, 1 << 8),
        26 => (4, 1 << 16),
        27 => (8, 1 << 32),
        _ => panic!("no open lengths"),
    };
    let number = take(rest, bytes).iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    assert!(number >= least, "numbers are as short as can be");
    number
}

// ---- Writing ----

fn write(item: &Item, damage: Option<(usize, Damage)>) -> Vec<u8> {
    let mut writer = Writer { out: vec![], next: 0, damage };
    writer.item(item);
    writer.out
}

struct Writer {
    out: Vec<u8>,
    next: usize,
    damage: Option<(usize, Damage)>,
}

impl Writer {
    fn item(&mut self, item: &Item) {
        let at = self.next;
        self.next += 1;
        let how = self.damage.filter(|(wanted, _)| *wanted == at).map(|(_, how)| how);
        match how {
            Some(Damage::Tag) => self.out.push(0xc1),
            Some(Damage::SelfDescribed) => self.out.extend([0xd9, 0xd9, 0xf7]),
            _ => {}
        }
        match item {
            Item::Uint(number) => self.number(*number, how),
            Item::Bytes(bytes) => self.bytes(bytes, how),
            Item::Text(text) => self.text(text, how),
            Item::Array(items) => {
                self.open(4, items.len(), how);
                items.iter().for_each(|item| self.item(item));
                self.close(how);
            }
            Item::Map(fields) => self.map(fields, how),
            Item::Simple(value) => match how {
                Some(Damage::LongSimple) => self.out.extend([0xf8, *value]),
                Some(Damage::Undefined) if *value == 22 => self.out.push(0xf7),
                _ => self.out.push(0xe0 | value),
            },
        }
    }

    fn number(&mut self, number: u64, how: Option<Damage>) {
        match how {
            Some(Damage::Bignum) => {
                self.out.extend([0xc2, 0x48]);
                self.out.extend(number.to_be_bytes());
            }
            Some(Damage::Float) => {
                let exact = u32::try_from(number).unwrap_or(1);
                self.out.push(0xfb);
                self.out.extend(f64::from(exact).to_be_bytes());
            }
            _ => self.head(0, number, how),
        }
    }

    fn bytes(&mut self, bytes: &[u8], how: Option<Damage>) {
        match how {
            Some(Damage::BytesAsText) => self.text(&hex::encode(bytes), None),
            Some(Damage::BytesAsArray) => {
                self.open(4, bytes.len(), None);
                bytes.iter().for_each(|byte| self.head(0, u64::from(*byte), None));
            }
            _ => self.string(2, bytes, how),
        }
    }

    fn text(&mut self, text: &str, how: Option<Damage>) {
        let major = if matches!(how, Some(Damage::TextAsBytes)) { 2 } else { 3 };
        self.string(major, text.as_bytes(), how);
    }

    /// An open string is a row of closed ones.
    fn string(&mut self, major: u8, bytes: &[u8], how: Option<Damage>) {
        let open = matches!(how, Some(Damage::Indefinite));
        if open {
            self.out.push(major << 5 | 31);
        }
        self.head(major, length(bytes.len()), how.filter(|_| !open));
        self.out.extend(bytes);
        self.close(how);
    }

    fn map(&mut self, fields: &[(Item, Item)], how: Option<Damage>) {
        let mut fields = fields.to_vec();
        match how {
            Some(Damage::Swap) if fields.len() > 1 => fields.swap(0, 1),
            Some(Damage::Duplicate) => fields.extend(fields.last().cloned()),
            Some(Damage::Drop) => drop(fields.pop()),
            Some(Damage::Unknown) => fields.push((Item::Uint(length(fields.len())), Item::Uint(0))),
            Some(Damage::TextKeys) => fields.iter_mut().for_each(|(key, _)| {
                if let Item::Uint(number) = key {
                    *key = Item::Text(number.to_string());
                }
            }),
            Some(Damage::MapAsArray) => {
                self.open(4, fields.len(), None);
                return fields.iter().for_each(|(_, value)| self.item(value));
            }
            _ => {}
        }
        self.open(5, fields.len(), how);
        for (key, value) in &fields {
            self.item(key);
            self.item(value);
        }
        self.close(how);
    }

    fn open(&mut self, major: u8, count: usize, how: Option<Damage>) {
        match how {
            Some(Damage::Indefinite) => self.out.push(major << 5 | 31),
            _ => self.head(major, length(count), how),
        }
    }

    fn close(&mut self, how: Option<Damage>) {
        if matches!(how, Some(Damage::Indefinite)) {
            self.out.push(0xff);
        }
    }

    /// The shortest head, or a longer one if it is to be widened and that leaves room.
    fn head(&mut self, major: u8, number: u64, how: Option<Damage>) {
        let shortest = match number {
            0..24 => None,
            24..0x100 => Some(0),
            0x100..0x1_0000 => Some(1),
            0x1_0000..0x1_0000_0000 => Some(2),
            _ => Some(3),
        };
        let size = match how {
            Some(Damage::Widen(size)) => shortest.max(Some(size)),
            _ => shortest,
        };
        let Some(size) = size else {
            return self.out.push(major << 5 | u8::try_from(number).expect("below 24"));
        };
        self.out.push(major << 5 | (24 + size));
        let wide = number.to_be_bytes();
        self.out.extend(&wide[8 - (1 << size)..]);
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).expect("fits")
}
