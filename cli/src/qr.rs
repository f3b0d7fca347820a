//! QR codes: a link as a picture, for a terminal or a file.
//!
//! In a terminal one character is two modules, one above the other (`▀`, `▄`, `█`). Colours are set by force, black on
//! white, so that the code has the same look on a dark and on a light screen, and four light modules stand around it:
//! cameras need that quiet zone (ISO/IEC 18004).

use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::Path;

use crate::failure::Failure;
use crate::output::clean_line;

/// Pixels of a module in a file.
const SCALE: usize = 8;

/// Black on bright white, in the 256 colours that no theme changes; and back to what it was.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const AS_BEFORE: &str = "\x1b[0m";

/// Returns a text as it is shown: in a terminal with its code below, unless it is too long for one.
pub(crate) fn with_code(text: &str) -> String {
    match Qr::new(text) {
        Ok(qr) if io::stdout().is_terminal() => format!("{}\n{}", clean_line(text), qr.to_text()),
        _ => clean_line(text),
    }
}

/// A code that can be shown.
#[derive(Debug)]
pub(crate) struct Qr(bayou_core::rpc::Qr);

impl Qr {
    /// Makes the code of a text.
    ///
    /// # Errors
    /// When the text is too long for any code: about 2,900 bytes.
    pub(crate) fn new(text: &str) -> Result<Qr, Failure> {
        bayou_core::rpc::Qr::new(text).map(Qr).map_err(|error| Failure::invalid(error.to_string()))
    }

    /// Draws the code for a terminal, one line after the other.
    pub(crate) fn to_text(&self) -> String {
        let rows: Vec<&[bool]> = self.0.rows().collect();
        let light = vec![false; self.0.side()];
        let lines = rows.chunks(2).map(|pair| {
            let upper = pair.first().copied().unwrap_or(&light);
            let lower = pair.get(1).copied().unwrap_or(&light);
            let line: String = upper.iter().zip(lower).map(half_blocks).collect();
            format!("{BLACK_ON_WHITE}{line}{AS_BEFORE}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Draws the code as a PNG picture, one bit a pixel.
    pub(crate) fn to_png(&self) -> io::Result<Vec<u8>> {
        let pixels = self.0.side() * SCALE;
        let side = u32::try_from(pixels).map_err(io::Error::other)?;
        let mut picture = Vec::new();
        let mut encoder = png::Encoder::new(&mut picture, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header()?;
        // A module is eight pixels, and those are one byte.
        let lines = self.0.rows().flat_map(|row| std::iter::repeat_n(row, SCALE));
        let data: Vec<u8> = lines.flatten().map(|dark| if *dark { 0x00 } else { 0xff }).collect();
        writer.write_image_data(&data)?;
        writer.finish()?;
        Ok(picture)
    }

    /// Writes the picture to a new file that only its owner can read: who has the link can use it.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub(crate) fn write_png(&self, path: &Path) -> Result<(), Failure> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let written = file.and_then(|file| {
            let mut file = BufWriter::new(file);
            file.write_all(&self.to_png()?)?;
            file.flush()
        });
        written.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Failure::invalid(format!("{} exists already: name another file", path.display()))
            }
            _ => Failure::machine(format!("cannot write {}: {error}", path.display())),
        })
    }
}

/// Returns the character of two modules, one above the other.
fn half_blocks(pair: (&bool, &bool)) -> char {
    match pair {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a picture as a camera would see it.
    fn scan(width: usize, height: usize, dark: impl Fn(usize, usize) -> bool) -> String {
        let mut seen =
            rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| if dark(x, y) { 0 } else { 255 });
        let grids = seen.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    fn links() -> Vec<String> {
        [100, 250, 500, 1500].map(|length| format!("bayou://j/#{}", "Ab3_-".repeat(length / 5))).into()
    }

    #[test]
    fn a_picture_says_the_link_again() {
        for link in links() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("invite.png");
            Qr::new(&link).unwrap().write_png(&path).unwrap();
            let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
            let mut reader = png::Decoder::new(file).read_info().unwrap();
            let mut data = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut data).unwrap();
            let (width, height) = (info.width as usize, info.height as usize);
            let dark = |x: usize, y: usize| data[y * info.line_size + x / 8] & (0x80 >> (x % 8)) == 0;
            assert_eq!(scan(width, height, dark), link);
            // The picture is not written over another.
            assert!(Qr::new(&link).unwrap().write_png(&path).is_err());
        }
    }

    #[test]
    fn a_terminal_shows_the_link_whatever_its_colours() {
        for link in links() {
            let text = Qr::new(&link).unwrap().to_text();
            let lines: Vec<Vec<char>> = text
                .lines()
                .map(|line| line.strip_prefix(BLACK_ON_WHITE).and_then(|line| line.strip_suffix(AS_BEFORE)).unwrap())
                .map(|line| line.chars().collect())
                .collect();
            let dark = |x: usize, y: usize| match lines[y / 2][x] {
                '█' => true,
                '▀' => y.is_multiple_of(2),
                '▄' => y % 2 == 1,
                _ => false,
            };
            let (width, height) = (lines[0].len(), lines.len() * 2);
            assert_eq!(scan(width * 4, height * 4, |x, y| dark(x / 4, y / 4)), link);
            let quiet = (0..width).all(|x| (0..4).all(|y| !dark(x, y)));
            assert!(quiet && lines.iter().all(|line| line[..4].iter().all(|c| *c == ' ')));
        }
    }
}
