//! What a process prints, one JSON object a line, as something that can be waited for.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How long anything may take that a person would wait for. Generous: a loaded machine must not fail a story.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How many lines are remembered. Later ones are dropped, and a wait that they would have met reports it.
pub const MAX_LINES: usize = 200_000;

/// The lines that were printed so far, and more as they come. Clones share them.
#[derive(Clone, Default)]
pub struct Lines {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    lines: Vec<Value>,
    ended: bool,
}

impl Lines {
    /// Reads a stream to its end in a thread of its own. What is no JSON becomes a JSON string.
    pub fn read(stream: impl Read + Send + 'static) -> Lines {
        let lines = Lines::default();
        let writer = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                writer.push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
            writer.end();
        });
        lines
    }

    /// Adds a line.
    pub fn push(&self, line: Value) {
        let mut state = self.state();
        if state.lines.len() < MAX_LINES {
            state.lines.push(line);
        }
        self.shared.1.notify_all();
    }

    /// Says that no more lines come.
    pub fn end(&self) {
        self.state().ended = true;
        self.shared.1.notify_all();
    }

    /// Waits until `answer` finds what it looks for among the lines so far.
    ///
    /// # Errors
    /// When the deadline passes or the lines end first; the message says what was waited for and what came last.
    pub fn wait<T>(&self, what: impl fmt::Display, answer: impl FnMut(&[Value]) -> Option<T>) -> io::Result<T> {
        self.wait_for(DEADLINE, what, answer)
    }

    /// As [`Lines::wait`], with another deadline.
    ///
    /// # Errors
    /// As [`Lines::wait`].
    pub fn wait_for<T>(
        &self,
        deadline: Duration,
        what: impl fmt::Display,
        mut answer: impl FnMut(&[Value]) -> Option<T>,
    ) -> io::Result<T> {
        let mut found = None;
        let waiting = |state: &mut State| {
            found = answer(&state.lines);
            found.is_none() && !state.ended
        };
        let (state, _) =
            self.shared.1.wait_timeout_while(self.state(), deadline, waiting).unwrap_or_else(PoisonError::into_inner);
        found.ok_or_else(|| {
            let why = if state.ended { "the process ended".into() } else { format!("waited {deadline:?}") };
            let last: Vec<String> = state.lines.iter().rev().take(3).map(Value::to_string).collect();
            io::Error::new(io::ErrorKind::TimedOut, format!("{what}: {why}; last lines: {last:#?}"))
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_the_line_comes_and_fails_when_the_lines_end() {
        let lines = Lines::read(&b"{\"event\":\"ready\"}\nnot json\n"[..]);
        let found = lines.wait("ready", |lines| lines.iter().find(|line| line["event"] == "ready").cloned());
        assert_eq!(found.unwrap()["event"], "ready");
        let missing = lines.wait("a line that never comes", |_| None::<()>).unwrap_err().to_string();
        assert!(missing.contains("a line that never comes") && missing.contains("not json"), "{missing}");
    }

    #[test]
    fn a_wait_gives_up_at_its_deadline() {
        let silent = Lines::default();
        let error = silent.wait_for(Duration::from_millis(10), "anything", |_| None::<()>).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
