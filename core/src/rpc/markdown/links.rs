//! Where a link may lead, and addresses in plain text.

/// The longest address of a link, in bytes.
const MAX_ADDRESS: usize = 2048;

/// Where links may lead.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// Returns an address if a link may lead there.
pub(super) fn allowed(address: &str) -> Option<&str> {
    let begins = |scheme: &&str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let is_one = SCHEMES.iter().any(|scheme| begins(scheme) && address.len() > scheme.len());
    let is_clean = !address.chars().any(|c| c.is_control() || c.is_whitespace());
    (is_one && is_clean && address.len() <= MAX_ADDRESS).then_some(address)
}

/// Cuts a line into text and addresses of the web; tells of each piece whether it is one.
pub(super) fn pieces(line: &str) -> Vec<(&str, bool)> {
    let (mut found, mut rest) = (Vec::new(), line);
    while let Some(start) = ["https://", "http://"].iter().filter_map(|scheme| start_of(rest, scheme)).min() {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(from.len());
        let address = ended(from.get(..end).unwrap_or_default());
        if !before.is_empty() {
            found.push((before, false));
        }
        found.push((address, allowed(address).is_some_and(|address| !address.ends_with("//"))));
        rest = from.get(address.len()..).unwrap_or_default();
    }
    if !rest.is_empty() {
        found.push((rest, false));
    }
    found
}

/// Finds a scheme at the beginning of a word.
fn start_of(text: &str, scheme: &str) -> Option<usize> {
    text.match_indices(scheme).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        !before.is_some_and(char::is_alphanumeric)
    })
}

/// Leaves out what ends a sentence behind an address, and a bracket that was not opened in it.
fn ended(address: &str) -> &str {
    let mut address = address;
    while let Some(last) = address.chars().next_back() {
        let closes = |open: char| address.matches(last).count() > address.matches(open).count();
        let is_outside = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~' | '。' | '，' | '；' | '：' | '！' | '？'
            | '、' => true,
            ')' => closes('('),
            ']' => closes('['),
            '}' => closes('{'),
            '」' | '』' | '）' | '》' => true,
            _ => false,
        };
        if !is_outside {
            break;
        }
        address = address.get(..address.len() - last.len_utf8()).unwrap_or_default();
    }
    address
}
