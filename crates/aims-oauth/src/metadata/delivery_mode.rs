use crate::names::names;

names! {
    /// How a client learns what the user decided elsewhere (CIBA, HIL-2).
    pub enum DeliveryMode {
        /// The server tells it that there is an answer, and it asks.
        Ping = "ping",
        /// It asks now and then.
        Poll = "poll",
        /// The server sends it the tokens.
        Push = "push",
    }
}
