//! Lists of names that registries have.

/// An enum of names: each has one text, and texts that are not listed are nobody's.
macro_rules! names {
    ($(#[$docs:meta])* $vis:vis enum $name:ident { $($(#[$about:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        $vis enum $name {
            $($(#[$about])* $variant,)*
        }

        impl $name {
            /// All of them.
            #[allow(dead_code, reason = "lists that are private need not be gone through")]
            $vis const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, as it is written.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The one of this name, if it is one of them. Case counts.
            #[must_use]
            $vis fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use names;
