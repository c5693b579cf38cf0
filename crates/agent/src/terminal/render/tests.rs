//! A rendered screen against the emulator that read the whole stream.

use std::num::NonZeroU16;

use super::super::model::{CELL_LINES, Model, Size, TEXT_LINES};

const LINES: usize = CELL_LINES + TEXT_LINES;

fn emulator(size: Size) -> vt100::Parser {
    vt100::Parser::new(NonZeroU16::new(size.rows).unwrap(), NonZeroU16::new(size.cols).unwrap(), LINES)
}

/// What a client that is given the rendering shows.
fn client(model: &Model) -> vt100::Parser {
    let rendering = model.render();
    let mut client = emulator(rendering.size);
    client.process(&rendering.bytes);
    client
}

/// Scrolled rows, newest first, as text with colours.
fn scrollback(parser: &mut vt100::Parser) -> Vec<String> {
    let screen = parser.screen_mut();
    let cols = screen.size().1.get();
    let mut rows = Vec::new();
    for offset in 1..=screen.scrollback_len() {
        screen.set_scrollback(offset);
        rows.push(screen.rows_formatted(0, cols).next().unwrap());
    }
    screen.set_scrollback(0);
    rows
}

fn assert_same_screen(ours: &vt100::Screen, theirs: &vt100::Screen, context: &str) {
    assert_eq!(ours.contents(), theirs.contents(), "{context}");
    assert_eq!(ours.cursor_position(), theirs.cursor_position(), "{context}");
    assert_eq!(ours.alternate_screen(), theirs.alternate_screen(), "{context}");
    assert_eq!(ours.state_formatted(), theirs.state_formatted(), "{context}");
}

fn write_both(stream: &[u8], size: Size) -> (Model, vt100::Parser) {
    let mut model = Model::new(size);
    let mut reference = emulator(size);
    model.write(stream);
    reference.process(stream);
    (model, reference)
}

const SIZE: Size = Size { cols: 80, rows: 24 };

#[test]
fn scrollback_screen_colours_and_modes_come_back() {
    let mut stream = String::new();
    for line in 0..1500 {
        let wide = if line % 7 == 0 { "wide 漢字 and e\u{301} combined" } else { "" };
        stream += &format!("\x1b[38;2;{};10;20mline {line}\x1b[0m {wide} {}\r\n", line % 256, "x".repeat(line % 120));
    }
    stream += "\x1b]2;a title\x07\x1b[?2004h\x1b[?1h\x1b[?1000h\x1b[?1006h\x1b[?1004h\x1b[5 q\x1b[1;44mprompt$ ";
    let (model, mut reference) = write_both(stream.as_bytes(), SIZE);
    let mut back = client(&model);
    assert_same_screen(back.screen(), reference.screen(), "lines");
    let (ours, theirs) = (scrollback(&mut back), scrollback(&mut reference));
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(ours, theirs);
    assert_eq!(model.title(), "a title");
    let text = String::from_utf8(model.render().bytes).unwrap();
    assert!(text.contains("\x1b[?1004h") && text.contains("\x1b]2;a title\x07"));
}

#[test]
fn the_alternate_screen_comes_back_over_the_normal_one() {
    let stream = "\x1b[31mshell$ vim\r\n\x1b[?1049h\x1b[2J\x1b[5;10Hinside\x1b[?25l\x1b[3;20r\x1b[7;3H";
    let (model, mut reference) = write_both(stream.as_bytes(), SIZE);
    let mut back = client(&model);
    assert_same_screen(back.screen(), reference.screen(), "inside");
    // A line feed at the bottom of the scroll region scrolls only the region; leaving shows the shell again.
    for more in ["\x1b[20;1Hlast\n", "\x1b[?25h\x1b[?1049l$ "] {
        back.process(more.as_bytes());
        reference.process(more.as_bytes());
        assert_same_screen(back.screen(), reference.screen(), more);
    }
    assert!(back.screen().contents().starts_with("shell$ vim"));
}

#[test]
fn cleared_scrollback_stays_cleared() {
    let lines: String = (0..3000).map(|line| format!("line {line}\r\n")).collect();
    for clear in ["\x1b[H\x1b[2J\x1b[3J", "\x1bc"] {
        let mut model = Model::new(SIZE);
        model.write(lines.as_bytes());
        assert_eq!(client(&model).screen().scrollback_len(), LINES);
        model.write(clear.as_bytes());
        assert_eq!(client(&model).screen().scrollback_len(), 0, "{clear:?}");
    }
}

#[test]
fn queries_in_the_output_are_not_rendered() {
    let mut model = Model::new(SIZE);
    model.write(b"\x1b[c\x1b[>c\x1b[6n\x1b[5n\x1b]11;?\x07\x1b[?2004$p\x1bP+q544e\x1b\\\x1b[18t\x1bZtext");
    let rendered = String::from_utf8(model.render().bytes).unwrap();
    for query in ["\x1b[c", "\x1b[>c", "6n", "5n", "?\x07", "$p", "\x1bP", "18t", "\x1bZ"] {
        assert!(!rendered.contains(query), "{query:?} in {rendered:?}");
    }
    assert!(rendered.contains("text"));
}

#[test]
fn hostile_output_is_bounded() {
    let size = Size::new(1000, 50).unwrap();
    let mut model = Model::new(size);
    let mut stream = Vec::new();
    for cell in 0..400_000_u32 {
        stream.extend(
            format!("\x1b[38;2;{};{};{};1;3;4me\u{301}\u{302}\u{303}", cell % 256, cell % 255, cell % 254).bytes(),
        );
    }
    model.write(&stream);
    model.write(b"\x1b]2;");
    model.write(&vec![b'x'; 1 << 20]);
    assert!(model.render().bytes.len() < 24 * 1024 * 1024, "{}", model.render().bytes.len());
    model.write(b"\x07");
    assert!(model.title().chars().count() <= 200);
    model.write(b"\x1b]2;a\x01b\xe2\x80\xa8c\xffd\x07");
    assert!(!model.title().chars().any(char::is_control));
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn random_stream(random: &mut Random) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..random.below(400) {
        let (one, two) = (random.below(30), random.below(90));
        let piece = match random.below(32) {
            0..=6 => format!("word{one} "),
            7 => "x".repeat(usize::try_from(two).unwrap()),
            8..=10 => "\r\n".to_owned(),
            11 => "\n".to_owned(),
            12 => "é漢😀".to_owned(),
            13 => format!("\x1b[{one};{two}H"),
            14 => format!("\x1b[38;2;{one};{two};7m"),
            15 => format!("\x1b[{}m", random.below(50)),
            16 => "\x1b[m".to_owned(),
            17 => format!("\x1b[{one};{}r", one + random.below(20)),
            18 => "\x1b7".to_owned(),
            19 => "\x1b8".to_owned(),
            20 => format!("\x1b[{}J", random.below(3)),
            21 => format!("\x1b[{}K", random.below(3)),
            22 => format!(
                "\x1b[{one}{}",
                ['L', 'M', 'P', '@', 'X', 'S', 'T', 'A', 'B', 'C', 'D', 'G', 'd']
                    [usize::try_from(random.below(13)).unwrap()]
            ),
            23 => ["\x1b[?1049h", "\x1b[?1049l"][usize::try_from(random.below(2)).unwrap()].to_owned(),
            24 => format!(
                "\x1b[?{}{}",
                [1, 25, 2004, 1000, 1002, 1006][usize::try_from(random.below(6)).unwrap()],
                ['h', 'l'][usize::try_from(random.below(2)).unwrap()]
            ),
            25 => format!("\x1b]0;t{one}\x07"),
            26 => "\t".to_owned(),
            27 => "\x08".to_owned(),
            28 => "\x1bM".to_owned(),
            29 => "\x1b[6n".to_owned(),
            30 => "\r".to_owned(),
            _ => format!("\x1b[{one};{two}Hprogress \x1b[7m{two}%\x1b[m"),
        };
        stream.extend(piece.bytes());
    }
    stream
}

/// Wherever the stream is cut, even within a sequence: the rendering and the bytes behind the cut show the same as
/// the whole stream.
#[test]
fn a_rendering_continues_with_the_bytes_behind_it() {
    for seed in 1..=600_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let stream = random_stream(&mut random);
        let cut = usize::try_from(random.below(stream.len() as u64 + 1)).unwrap();
        let size =
            Size::new(u16::try_from(20 + random.below(80)).unwrap(), u16::try_from(5 + random.below(30)).unwrap())
                .unwrap();
        let (model, mut reference) = write_both(&stream[..cut], size);
        let mut back = client(&model);
        let context = format!("seed {seed}, {size:?}, cut {cut} of {:?}", String::from_utf8_lossy(&stream));
        assert_same_screen(back.screen(), reference.screen(), &context);
        back.process(&stream[cut..]);
        reference.process(&stream[cut..]);
        assert_same_screen(back.screen(), reference.screen(), &context);
    }
}

/// Bytes of any kind and sizes of any kind do not bring the agent down.
#[test]
fn arbitrary_bytes_and_sizes_never_panic() {
    for seed in 1..=300_u64 {
        let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let mut model = Model::new(SIZE);
        for _ in 0..20 {
            let stream = match random.below(3) {
                0 => (0..random.below(2000)).map(|_| u8::try_from(random.below(256)).unwrap()).collect(),
                1 => (0..random.below(2000))
                    .map(|_| {
                        b"\x1b[;?0123456789hlrHJKLMPSTXm@bcqABCDEFGd\xe6\xbc\xa2\xef\xb8\x8fe\xcc\x81 \r\n\t\x08"
                            [usize::try_from(random.below(52)).unwrap()]
                    })
                    .collect(),
                _ => random_stream(&mut random),
            };
            model.write(&stream);
            let side = |random: &mut Random| {
                u16::try_from([1, 2, 3, 5, 24, 80, 200][usize::try_from(random.below(7)).unwrap()]).unwrap()
            };
            model.resize(Size::new(side(&mut random), side(&mut random)).unwrap());
            if random.below(4) == 0 {
                model.render();
            }
        }
    }
}
