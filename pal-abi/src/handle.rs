//! Handles: opaque numbers, equally wide in both ABIs.

/// A reference to an object of the layer below. 0 names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Handle(pub u32);

impl Handle {
    /// No object.
    pub const NONE: Self = Self(0);

    /// Whether this is [`Handle::NONE`].
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}
