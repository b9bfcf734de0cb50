//! Makes the larger part of the corpus: values from the grammars that their issuers publish, in sentences, logs, code and
//! JSON as they occur there, and what only looks like them. No value belongs to a person: numbers come from a fixed series,
//! and telephone numbers from the ranges that are kept for fiction where there is one.
//!
//! A value that must be found stands between `⟦kind:` and `⟧`.

/// A series of numbers that is the same in every run (SplitMix64).
pub(super) struct Series(u64);

impl Series {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    /// Characters of an alphabet.
    fn chars(&mut self, alphabet: &str, count: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..count).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }

    fn digits(&mut self, count: usize) -> String {
        self.chars("0123456789", count)
    }

    fn hex(&mut self, count: usize) -> String {
        self.chars("0123456789abcdef", count)
    }

    fn alnum(&mut self, count: usize) -> String {
        self.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", count)
    }

    fn base64url(&mut self, count: usize) -> String {
        self.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", count - 1) + "A"
    }

    /// `#` is a digit, everything else itself.
    fn shaped(&mut self, shape: &str) -> String {
        shape.chars().map(|c| if c == '#' { self.digits(1) } else { c.to_string() }).collect()
    }
}

const FIRST: &[&str] = &[
    "anna", "bo", "carla", "deniz", "edith", "farid", "grace", "hiro", "ines", "jan", "kofi", "lena", "mateo", "nadia",
    "oskar", "priya", "quinn", "rosa", "sven", "tariq", "uma", "vera", "wei", "xenia", "yusuf", "zoe",
];
const LAST: &[&str] = &[
    "abel", "brandt", "costa", "dubois", "eriksen", "fischer", "garcia", "hansen", "ito", "jansen", "kowalski",
    "lopez", "moreau", "novak", "okafor", "petrov", "quist", "rossi", "schmidt", "tanaka", "ueda", "varga", "weber",
    "yilmaz",
];
const HOSTS: &[&str] = &[
    "example",
    "brightkiln",
    "north-quay",
    "tallowby",
    "marblefen",
    "oxbridge-lane",
    "pinevault",
    "quillrest",
    "3dworks",
    "x",
    "163",
    "umbra",
    "mail.harbourly",
    "eu.corp.stonewick",
    "students.fenmoor",
    "mx1.dovetail-labs",
];
const ENDINGS: &[&str] = &[
    "com",
    "org",
    "net",
    "de",
    "fr",
    "co.uk",
    "com.au",
    "io",
    "dev",
    "app",
    "technology",
    "museum",
    "example",
    "test",
    "co.jp",
    "edu",
    "gov.br",
    "xn--p1ai",
    "info",
    "ai",
    "it",
    "ac.nz",
];

fn email(series: &mut Series) -> String {
    let (first, last) = (series.pick(FIRST), series.pick(LAST));
    let local = match series.below(12) {
        0 | 1 => format!("{first}.{last}"),
        2 => format!("{first}_{last}"),
        3 => format!("{first}{}", series.digits(2)),
        4 => format!("{}{last}", &first[..1]),
        5 => format!("{first}+{}", series.pick(&["news", "shop-2024", "a.b", "test_1"])),
        6 => format!("{first}-{last}"),
        7 => format!("{}.{}", first[..1].to_uppercase() + &first[1..], last[..1].to_uppercase() + &last[1..]),
        8 => format!("{first}.o'{last}"),
        9 => series.pick(&["info", "support", "no-reply", "billing", "sales"]).to_owned(),
        10 => format!("{}{}", series.chars("abcdefghijk", 1), series.digits(7)),
        _ => first.to_owned(),
    };
    let (host, ending) = (series.pick(HOSTS), series.pick(ENDINGS));
    match series.below(14) {
        0 => format!("{local}@b\u{fc}cher-{}.example", series.pick(LAST)),
        1 => format!("{local}@{}.{}", host.to_uppercase(), ending.to_uppercase()),
        _ => format!("{local}@{host}.{ending}"),
    }
}

const EMAIL_PLACES: &[&str] = &[
    "@",
    "Contact @ for details.",
    "Mail me at @, please",
    "From: Anna <@>",
    "To: \"Weber, Lena\" <@>; Cc: <@>",
    "mailto:@",
    "<a href=\"mailto:@?subject=Hello\">write</a>",
    "email=@&source=web",
    "user=@ logged in from console",
    "{\"email\":\"@\",\"plan\":\"pro\"}",
    "(@)",
    "[@]",
    "name,email\nanna,@\nbo,@",
    "Is it @? Or @!",
    "login: '@'",
    "Assigned to @.",
    "'@' is already taken",
    "| Lena | @ | active |",
    "https://app.brightkiln.example/unsubscribe?email=@&list=4",
    "Author: Lena Weber <@>\nDate: Tue Nov 5 10:12:31 2024 +0100",
    "WHERE email = '@' AND active",
    "E-Mail:@",
    "@,@;@",
    "profile: @ - last seen today",
    "Ma\u{f1}ana escribo a @ sin falta",
    "\u{8bf7}\u{8054}\u{7cfb}@\u{8c22}\u{8c22}",
];

fn luhn(mut body: String) -> String {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    body.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    body
}

/// Prefixes of issuers, and the length of their numbers.
const ISSUERS: &[(&str, usize)] = &[
    ("4", 16),
    ("4", 16),
    ("4", 16),
    ("51", 16),
    ("52", 16),
    ("53", 16),
    ("54", 16),
    ("55", 16),
    ("2221", 16),
    ("2450", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 16),
    ("644", 16),
    ("649", 16),
    ("300", 14),
    ("305", 14),
    ("36", 14),
    ("38", 14),
    ("3528", 16),
    ("3589", 16),
    ("62", 16),
    ("62", 19),
    ("2200", 16),
    ("2204", 16),
    ("5018", 16),
    ("6759", 16),
    ("9792", 16),
];

fn grouped(text: &str, groups: &[usize], separator: &str) -> String {
    let mut rest = text;
    let mut parts = Vec::new();
    for size in groups {
        let (part, after) = rest.split_at((*size).min(rest.len()));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts.retain(|part| !part.is_empty());
    parts.join(separator)
}

fn card(series: &mut Series) -> String {
    let (prefix, length) = ISSUERS[series.below(ISSUERS.len())];
    let body = prefix.to_owned() + &series.digits(length - 1 - prefix.len());
    let number = luhn(body);
    let separator = series.pick(&["", "", " ", " ", "-"]);
    let groups: &[usize] = match length {
        15 => &[4, 6, 5],
        14 => &[4, 6, 4],
        19 => &[4, 4, 4, 4, 3],
        _ => &[4, 4, 4, 4],
    };
    if separator.is_empty() { number } else { grouped(&number, groups, separator) }
}

const CARD_PLACES: &[&str] = &[
    "@",
    "Card: @",
    "Paid with @ on Monday",
    "{\"number\":\"@\",\"exp\":\"12/27\"}",
    "PAN=@",
    "card number @, cvc 123",
    "visa @ exp 04/29",
    "(@)",
    "4 items, card @",
    "Charge @ 20 EUR",
    "\"@\"",
    "pan,exp\n@,1227\n@,0128",
    "cc:@;",
    "Kreditkarte @.",
    "Do not store @!",
    "<td>@</td>",
    "tok_1 replaced @ yesterday",
    "card_no=@&amount=12",
];

/// Countries with their lengths, and the shape of the rest: `n` a digit, `a` a letter, `c` either.
const IBANS: &[(&str, &str)] = &[
    ("DE", "nnnnnnnnnnnnnnnnnn"),
    ("FR", "nnnnnnnnnncccccccccccnn"),
    ("GB", "aaaannnnnnnnnnnnnn"),
    ("NL", "aaaannnnnnnnnn"),
    ("ES", "nnnnnnnnnnnnnnnnnnnn"),
    ("IT", "annnnnnnnnncccccccccccc"),
    ("CH", "nnnnncccccccccccc"),
    ("AT", "nnnnnnnnnnnnnnnn"),
    ("BE", "nnnnnnnnnnnn"),
    ("PL", "nnnnnnnnnnnnnnnnnnnnnnnn"),
    ("SE", "nnnnnnnnnnnnnnnnnnnn"),
    ("NO", "nnnnnnnnnnn"),
    ("DK", "nnnnnnnnnnnnnn"),
    ("FI", "nnnnnnnnnnnnnn"),
    ("PT", "nnnnnnnnnnnnnnnnnnnnn"),
    ("IE", "aaaannnnnnnnnnnnnn"),
    ("MT", "aaaannnnncccccccccccccccccc"),
    ("AE", "nnnnnnnnnnnnnnnnnnn"),
    ("SA", "nncccccccccccccccccc"),
    ("TR", "nnnnnncccccccccccccccc"),
    ("GR", "nnnnnnncccccccccccccccc"),
    ("CZ", "nnnnnnnnnnnnnnnnnnnn"),
    ("LU", "nnnccccccccccccc"),
    ("BR", "nnnnnnnnnnnnnnnnnnnnnnnac"),
    ("UA", "nnnnnnccccccccccccccccccc"),
    ("LT", "nnnnnnnnnnnnnnnn"),
    ("RO", "aaaacccccccccccccccc"),
    ("HU", "nnnnnnnnnnnnnnnnnnnnnnnn"),
];

fn iban(series: &mut Series) -> String {
    let (country, shape) = IBANS[series.below(IBANS.len())];
    let rest: String = shape
        .chars()
        .map(|c| match c {
            'n' => series.digits(1),
            'a' => series.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1),
            _ => series.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 1),
        })
        .collect();
    let remainder = format!("{rest}{country}00").chars().fold(0, |remainder, c| {
        let value = c.to_digit(36).unwrap();
        if value < 10 { (remainder * 10 + value) % 97 } else { (remainder * 100 + value) % 97 }
    });
    let whole = format!("{country}{:02}{rest}", 98 - remainder);
    match series.below(6) {
        0..=2 => grouped(&whole, &[4; 8], " "),
        3 => whole.to_lowercase(),
        _ => whole,
    }
}

const IBAN_PLACES: &[&str] = &[
    "@",
    "IBAN: @",
    "IBAN @ (BIC MARKDEF1100)",
    "Bitte auf @ \u{fc}berweisen.",
    "{\"iban\":\"@\"}",
    "Pay to @, reference 42",
    "account=@&bic=X",
    "(@)",
    "virement vers @ demain",
    "from @ to @",
    "iban,owner\n@,lena",
    "Konto:@.",
    "\"@\"",
    "The refund goes to @.",
    "<IBAN>@</IBAN>",
];

fn ip(series: &mut Series) -> String {
    let group = |series: &mut Series| format!("1{}", series.hex(3));
    match series.below(8) {
        0..=4 => {
            let octets: Vec<_> = (0..4).map(|at| (series.below(250) + usize::from(at == 0) + 1).to_string()).collect();
            octets.join(".")
        }
        5 => format!("2001:db8:{}1:{}2::{}3", series.hex(2), series.hex(2), series.hex(1)),
        6 => format!(
            "fe80::{}a:{}ff:fe{}:{}",
            series.pick(&["1", "20", "3"]),
            series.hex(2),
            series.hex(2),
            group(series)
        ),
        _ => {
            let groups: Vec<_> = (0..6).map(|_| format!("1{}", series.hex(3))).collect();
            format!("2a02:26f0:{}", groups.join(":"))
        }
    }
}

const IP_PLACES: &[&str] = &[
    "@",
    "Login from @",
    "client=@ status=200",
    "@ - - [05/Nov/2024:10:12:31 +0100] \"GET / HTTP/1.1\" 200 512",
    "ssh root@@",
    "{\"ip\":\"@\"}",
    "X-Forwarded-For: @, @",
    "(@)",
    "allow @/24;",
    "connect to @: refused",
    "host @ is down.",
    "ip=@&x=1",
    "from @ to @",
    "Blocked \"@\" after 5 attempts",
    "remote_addr=@;",
    "dig @ns1 -x @",
];

/// National numbers, which take a word before them, and international ones.
const NATIONAL: &[&str] = &[
    "(212) 555-01##",
    "212-555-01##",
    "415.555.01##",
    "(0##) ####-####",
    "07700 900###",
    "020 7946 0###",
    "0161 496 0###",
    "01 99 00 ## ##",
    "06 39 98 ## ##",
    "030 23125 ###",
    "030/23125###",
    "0171-39200##",
    "0491 570 ###",
    "(02) 5550 ####",
    "555-01##",
    "0699 555 01 ##",
    "91 234 56 ##",
    "600 123 4##",
    "03-1234-56##",
    "089 / 99998###",
    "98765 43###",
    "0800 555 0##",
    "055 512 34 ##",
];
const INTERNATIONAL: &[&str] = &[
    "+1 212 555 01##",
    "+1-415-555-01##",
    "+1 (202) 555-01##",
    "+120255501##",
    "+44 7700 900###",
    "+447700900###",
    "+44 20 7946 0###",
    "+44 (0)20 7946 0###",
    "+49 30 23125 ###",
    "+493023125###",
    "+49 (0) 171 39200##",
    "+33 1 99 00 ## ##",
    "+336399800##",
    "+34 600 123 4##",
    "+39 06 1234 56##",
    "+31 20 794 0###",
    "+41 44 668 1# ##",
    "+43 1 234 56##",
    "+46 8 123 456 ##",
    "+61 491 570 ###",
    "+61491570###",
    "+81 3-1234-56##",
    "+86 138 0013 8###",
    "+91 98765 43###",
    "+55 11 91234-56##",
    "+52 55 1234 56##",
    "+353 20 915 0###",
    "+972-50-555-01##",
    "+971 50 123 45##",
    "+234 803 123 45##",
    "+65 6123 45##",
    "+7 495 123-45-##",
    "+48 12 345 67 ##",
    "+90 532 123 45 ##",
    "+1.21255501##",
    "0049 30 23125 ###",
    "0044 7700 900###",
];
const NATIONAL_PLACES: &[&str] = &[
    "Phone: @",
    "Tel. @",
    "call @ after six",
    "mobile @",
    "Telefon: @",
    "T\u{e9}l. : @",
    "fax @",
    "phone number is @.",
    "Cell: @,",
    "You can call me at @",
    "phone=@",
    "WhatsApp @",
    "Handy @",
    "tel:@",
    "{\"text\":\"phone: @\"}",
    "M\u{f3}vil: @",
    "Lena Weber\nPhone @\nBerlin",
    "\u{96fb}\u{8a71}: @",
    "home phone: @ work phone: @",
    "Telephone (office): @",
];
const INTERNATIONAL_PLACES: &[&str] = &[
    "@",
    "Phone: @",
    "reach me on @ today",
    "{\"phone\":\"@\"}",
    "tel:@",
    "(@)",
    "Lena, @, Berlin",
    "SMS to @ failed",
    "<b>@</b>",
    "whatsapp://send?phone=@",
    "name,phone\nlena,@\nbo,@",
    "Fax @; Mobile @",
    "Is it @?",
    "from=@ to=@ body=hi",
];

fn secret(series: &mut Series) -> String {
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    match series.below(36) {
        0 => format!("AKIA{}", series.chars(UPPER, 16)),
        1 => format!("ASIA{}", series.chars(UPPER, 16)),
        2 => format!("ghp_{}", series.alnum(36)),
        3 => format!("gho_{}", series.alnum(36)),
        4 => format!("ghs_{}", series.alnum(36)),
        5 => format!("github_pat_{}_{}", series.alnum(22), series.alnum(59)),
        6 => format!("glpat-{}", series.base64url(20)),
        7 => format!("xoxb-{}-{}-{}", series.digits(12), series.digits(12), series.alnum(24)),
        8 => format!("xoxp-{}-{}-{}-{}", series.digits(12), series.digits(12), series.digits(12), series.hex(32)),
        9 => format!("sk-ant-api03-{}AA", series.base64url(93)),
        10 => format!("sk-proj-{}", series.base64url(74)),
        11 => format!("sk-{}T3BlbkFJ{}", series.alnum(20), series.alnum(20)),
        12 => format!("sk_live_{}", series.alnum(24)),
        13 => format!("rk_live_{}", series.alnum(24)),
        14 => format!("whsec_{}", series.alnum(32)),
        15 => format!("AIza{}", series.base64url(35)),
        16 => format!("GOCSPX-{}", series.base64url(28)),
        17 => format!("npm_{}", series.alnum(36)),
        18 => format!("pypi-AgEIcHlwaS5vcmc{}", series.base64url(140)),
        19 => format!("dop_v1_{}", series.hex(64)),
        20 => format!("SG.{}.{}", series.base64url(22), series.base64url(43)),
        21 => format!("shpat_{}", series.hex(32)),
        22 => format!("hf_{}", series.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 34)),
        23 => format!("gsk_{}", series.alnum(52)),
        24 => format!("lin_api_{}", series.alnum(40)),
        25 => format!("hvs.{}", series.base64url(92)),
        26 => format!("dckr_pat_{}", series.base64url(27)),
        27 => format!("glsa_{}_{}", series.alnum(32), series.hex(8)),
        28 => format!("PMAK-{}-{}", series.hex(24), series.hex(34)),
        29 => format!("{}:AA{}", series.digits(10).replace('0', "7"), series.base64url(33)),
        30 => format!("sbp_{}", series.hex(40)),
        31 => format!("dp.pt.{}", series.alnum(43)),
        32 => format!("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI{}.{}", series.alnum(30), series.base64url(43)),
        33 => format!("eyJraWQiOiJhMSIsImFsZyI6IlJTMjU2In0.eyJpc3MiOiJ{}.{}", series.alnum(60), series.base64url(342)),
        34 => format!(
            "-----BEGIN {}PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----",
            series.pick(&["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "]),
            series.alnum(64),
            series.alnum(64)
        ),
        _ => format!("AGE-SECRET-KEY-1{}", series.chars("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    }
}

const SECRET_PLACES: &[&str] = &[
    "@",
    "export TOKEN=@",
    "Authorization: Bearer @",
    "token: \"@\"",
    "{\"apiKey\":\"@\"}",
    "key is @, keep it safe",
    "curl -H 'X-Api-Key: @' host",
    "(@)",
    "API_KEY='@'\nDEBUG=1",
    "Use @.",
    "https://api.brightkiln.example/v1?key=@&x=1",
    "-e SECRET=@",
    "| prod | @ |",
    "`@`",
    "old=@ new=@",
    "https://oauth2:@\u{2}git.brightkiln.example/a.git",
];

/// What stands in a template for a value that is like one and is not.
fn false_friend(series: &mut Series) -> String {
    let uuid = |series: &mut Series| {
        format!("{}-{}-4{}-a{}-{}", series.hex(8), series.hex(4), series.hex(3), series.hex(3), series.hex(12))
    };
    let year = |series: &mut Series| format!("20{}", 10 + series.below(20));
    match series.below(40) {
        0 => uuid(series),
        1 => series.shaped("########-####-4###-8###-############"),
        2 => series.hex(32),
        3 => series.hex(40),
        4 => format!("sha256:{}", series.hex(64)),
        5 => format!("commit {}\nMerge: {} {}", series.hex(40), series.hex(7), series.hex(7)),
        6 => format!(
            "{}-11-{}T1{}:3{}:2{}Z",
            year(series),
            10 + series.below(18),
            series.digits(1),
            series.digits(1),
            series.digits(1)
        ),
        7 => format!(
            "{}-0{}-1{} 0{}:4{}:5{}+0200",
            year(series),
            1 + series.below(8),
            series.digits(1),
            series.digits(1),
            series.digits(1),
            series.digits(1)
        ),
        8 => format!("ts=17{}", series.digits(8)),
        9 => format!("{{\"createdAt\":17{}}}", series.digits(11)),
        10 => format!("17{}", series.digits(17)),
        11 => format!("Order {}", series.digits(16)),
        12 => format!("order no. 4{}", series.digits(15)),
        13 => format!("Order #{}-{}-{}", series.digits(3), series.digits(7), series.digits(7)),
        14 => format!("Invoice INV-{}-{}", year(series), series.digits(6)),
        15 => format!("PO 45{}", series.digits(8)),
        16 => format!("tracking number 1Z{}{}", series.chars("ABCDEFGHJKMNPRSTUVWXY0123456789", 6), series.digits(10)),
        17 => format!(
            "tracking 94{} {} {} {} {} {}",
            series.digits(2),
            series.digits(4),
            series.digits(4),
            series.digits(4),
            series.digits(4),
            series.digits(2)
        ),
        18 => format!(
            "https://bucket.s3.amazonaws.com/a.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA{}%2F20241105%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20241105T101231Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
            series.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
            series.hex(64)
        ),
        19 => format!(
            "https://storage.googleapis.com/b/o.png?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=reader%40project-{}.iam.gserviceaccount.com%2F20241105%2Fauto%2Fstorage%2Fgoog4_request&X-Goog-Signature={}",
            series.digits(3),
            series.hex(128)
        ),
        20 => format!(
            "https://acct.blob.core.windows.net/c/f?sv=2022-11-02&sr=b&sig={}%3D&se=2024-11-05T10%3A12%3A31Z",
            series.alnum(43)
        ),
        21 => format!(
            "https://d111.cloudfront.net/v.mp4?Expires=17{}&Signature={}~{}_&Key-Pair-Id=APKA{}",
            series.digits(8),
            series.alnum(80),
            series.alnum(60),
            series.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
        ),
        22 => format!("v{}.{}.{}.{}", series.below(20), series.below(20), series.below(20), series.below(200)),
        23 => format!("version {}.{}.{}.{}", series.below(20), series.below(9), series.below(200), series.below(200)),
        24 => format!(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1{}.0.0.0 Safari/537.36",
            series.digits(2)
        ),
        25 => format!(
            "npm install {}@{}.{}.{}",
            series.pick(&["left-pad", "@scope/kit", "react"]),
            series.below(20),
            series.below(20),
            series.below(20)
        ),
        26 => format!("react@19.{}.0-canary.abc{}", series.below(9), series.pick(&["de", "fed", ""])),
        27 => format!(
            "images/{}@{}x.{}",
            series.pick(&["icon", "logo", "hero-2"]),
            2 + series.below(2),
            series.pick(&["png", "jpg", "webp"])
        ),
        28 => format!(
            "git clone git@{}:team/repo-{}.git",
            series.pick(&["github.com", "gitlab.example.com"]),
            series.digits(2)
        ),
        29 => series
            .pick(&[
                "@app.route('/')",
                "@pytest.mark.slow",
                "follow @lena_w",
                "see {@link Foo.bar}",
                "lena@localhost",
                "a @ b.c",
                "uses: actions/checkout@v4.1.1",
            ])
            .to_owned(),
        30 => {
            let pairs: Vec<_> = (0..[6, 8][series.below(2)]).map(|_| series.hex(2)).collect();
            pairs.join(":")
        }
        31 => format!("MD5:{}", (0..16).map(|_| series.hex(2)).collect::<Vec<_>>().join(":")),
        32 => format!("{}, {}", series.shaped("48.#######"), series.shaped("2.#######")),
        33 => format!("ISBN 978-3-16-{}-0", series.digits(6)),
        34 => format!("EAN 40{}", series.digits(11)),
        35 => series
            .pick(&[
                "std::collections::HashMap",
                "a[::2]",
                "x[1::3]",
                "10:15:30",
                "Foo::Bar",
                "bad::cafe()",
                "at 12:30:45.123",
                "::before",
                "ratio 16:9:4",
            ])
            .to_owned(),
        36 => format!("ghp_{}", series.pick(&["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "YOUR_TOKEN_HERE", "..."])),
        37 => format!("sk-{}", series.pick(&["learn", "...", "your-api-key", "SK locale", "xxxxxxxxxxxxxxxxxxxx"])),
        38 => format!("task_{} sku-{}-{}", series.alnum(24), series.digits(4), series.digits(4)),
        _ => {
            format!("etag \"{}\" size {} +{} -{}", series.hex(32), series.digits(9), series.digits(4), series.digits(3))
        }
    }
}

const FRIEND_PLACES: &[&str] = &[
    "@",
    "{\"id\":\"@\"}",
    "see @ for details",
    "(@)",
    "value=@;",
    "@\n@",
    "Done: @.",
    "<td>@</td>",
    "[@] ok",
    "\"@\"",
];

/// Puts a marked value at each `@` of the place that stands alone: `@@` is one `@` before a value.
fn fill(place: &str, kind: &str, mut value: impl FnMut() -> String) -> String {
    let place = place.replace("@@", "\u{1}@").replace("@ns1", "\u{1}ns1");
    let mut text = String::new();
    for (at, part) in place.split('@').enumerate() {
        if at > 0 {
            let value = value();
            text += &if kind.is_empty() { value } else { format!("⟦{kind}:{value}⟧") };
        }
        text += part;
    }
    text.replace(['\u{1}', '\u{2}'], "@")
}

/// Returns the strings, marked.
pub(super) fn generate() -> Vec<String> {
    let mut series = Series::new(19);
    let mut strings = Vec::new();
    type Maker = fn(&mut Series) -> String;
    let makers: [(&str, Maker, &[&str]); 5] = [
        ("email", email, EMAIL_PLACES),
        ("card", card, CARD_PLACES),
        ("iban", iban, IBAN_PLACES),
        ("ip", ip, IP_PLACES),
        ("secret", secret, SECRET_PLACES),
    ];
    for (kind, make, places) in makers {
        for _ in 0..260 {
            let place = series.pick(places);
            strings.push(fill(place, kind, || make(&mut series)));
        }
    }
    for (shapes, places) in [(NATIONAL, NATIONAL_PLACES), (INTERNATIONAL, INTERNATIONAL_PLACES)] {
        for _ in 0..150 {
            let place = series.pick(places);
            strings.push(fill(place, "phone", || {
                let shape = series.pick(shapes);
                series.shaped(shape)
            }));
        }
    }
    for _ in 0..800 {
        let place = series.pick(FRIEND_PLACES);
        strings.push(fill(place, "", || false_friend(&mut series)));
    }
    strings
}
