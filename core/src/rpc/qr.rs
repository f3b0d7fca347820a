//! QR codes: what a camera reads off a screen.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

use super::{ErrorCode, Reply, RpcError};

/// Light modules around the code: cameras need that quiet zone (ISO/IEC 18004).
const QUIET: usize = 4;

/// The text is too long for any code: about 2,900 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is too long for a QR code: send it as text")]
pub struct QrTooLong;

/// The modules of a code with its quiet zone: `true` is dark.
#[derive(Debug, Clone)]
pub struct Qr {
    side: usize,
    dark: Vec<bool>,
}

impl Qr {
    /// Makes the code of a text.
    ///
    /// # Errors
    /// When the text is too long for any code.
    pub fn new(text: &str) -> Result<Qr, QrTooLong> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| QrTooLong)?;
        let (width, colours) = (code.width(), code.to_colors());
        let side = width + 2 * QUIET;
        let mut dark = vec![false; side * side];
        let lines = dark.chunks_exact_mut(side).skip(QUIET).zip(colours.chunks_exact(width));
        for (line, colours) in lines {
            line.iter_mut().skip(QUIET).zip(colours).for_each(|(dark, colour)| *dark = *colour == Color::Dark);
        }
        Ok(Qr { side, dark })
    }

    /// Returns how many modules wide and high it is.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Returns its rows, from above.
    pub fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.dark.chunks_exact(self.side)
    }

    /// Returns the dark modules as the `d` of an SVG path: a bar for each that stand side by side.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for (y, row) in self.rows().enumerate() {
            let mut x = 0;
            for bar in row.chunk_by(|one, next| one == next) {
                if bar.first() == Some(&true) {
                    write!(path, "M{x} {y}h{0}v1h-{0}z", bar.len()).expect("writing to a string");
                }
                x += bar.len();
            }
        }
        path
    }

    /// Answers `qr`.
    pub fn answer(text: &str) -> Result<Reply, RpcError> {
        let qr = Qr::new(text).map_err(|error| RpcError::new(ErrorCode::Invalid, error.to_string()))?;
        Ok(Reply::Qr { size: u32::try_from(qr.side).unwrap_or(u32::MAX), path: qr.path() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_draws_the_dark_modules_and_no_others() {
        let qr = Qr::new("bayou://j/#Ab3_").unwrap();
        let mut drawn = vec![false; qr.side * qr.side];
        for bar in qr.path().split('z').filter(|bar| !bar.is_empty()) {
            let (place, rest) = bar.strip_prefix('M').unwrap().split_once('h').unwrap();
            let (x, y) = place.split_once(' ').unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            let width: usize = rest.split_once('v').unwrap().0.parse().unwrap();
            drawn[y * qr.side + x..][..width].fill(true);
        }
        assert_eq!(drawn, qr.dark);
        assert!(qr.rows().take(QUIET).flatten().all(|dark| !dark));
    }

    #[test]
    fn what_no_code_can_hold_is_refused() {
        assert!(Qr::new(&"a".repeat(2953)).is_ok() && Qr::new(&"a".repeat(2954)).is_err());
    }
}
