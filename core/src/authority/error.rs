//! Why bytes are not what a conversation's authority can rest on, and the limits of names.

/// The longest title, in bytes.
pub const MAX_TITLE: usize = 200;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 100;

/// Why bytes are not a control record of the conversation, a record of a user's log, or a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The bytes do not have the form of a record, or break a limit.
    #[error("not a control record")]
    Malformed,
    /// The signature is wrong.
    #[error("the control record's signature is not valid")]
    Signature,
    /// It belongs to another conversation.
    #[error("the control record belongs to another conversation")]
    Foreign,
}
