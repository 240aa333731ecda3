//! One line of the table.

/// One or more operations, run to the end.
pub type Op = Box<dyn FnMut()>;

/// How a line is measured.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// In turns with the raw call and the peers.
    Paired(fn() -> Row),
    /// In a way of its own.
    Direct(fn() -> crate::measure::Measured),
}

/// Operations to be measured in turns. Each is run once before, so what it loads lazily is there.
pub struct Row {
    /// How many operations one call of each [`Op`] is: more than one where a call would be too short to be timed.
    pub per_call: u32,
    /// Ours.
    pub ours: Op,
    /// The signature operations in it, and nothing else: the same keys and bytes, straight into the backend.
    pub raw: Option<Op>,
    /// What the design asks for.
    pub goal: Option<Goal>,
    /// The same work by other libraries.
    pub peers: Vec<Peer>,
}

/// What the design asks for.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// Nanoseconds above the raw calls; above nothing where there are none.
    pub over_raw_ns: f64,
    /// Allocations per operation.
    pub allocs: Option<f64>,
}

/// The same work by another library.
pub struct Peer {
    /// `library/backend`.
    pub name: &'static str,
    /// The work.
    pub op: Op,
    /// The signature operations in it, by the backend of that library.
    pub raw: Option<Op>,
}

impl Row {
    /// A row without goal and peers, one operation a call.
    pub fn new(ours: impl FnMut() + 'static) -> Self {
        Self { per_call: 1, ours: Box::new(ours), raw: None, goal: None, peers: Vec::new() }
    }

    /// A row of operations that are too short to be timed one by one.
    pub fn short<T>(mut ours: impl FnMut() -> T + 'static) -> Self {
        Self { per_call: SHORT, ..Self::new(repeated(move || drop(std::hint::black_box(ours())))) }
    }

    /// Compares with the raw calls.
    #[must_use]
    pub fn raw(mut self, raw: impl FnMut() + 'static) -> Self {
        self.raw = Some(Box::new(raw));
        self
    }

    /// Compares with something else than raw calls, as short as ours.
    #[must_use]
    pub fn short_raw<T>(self, mut raw: impl FnMut() -> T + 'static) -> Self {
        self.raw(repeated(move || drop(std::hint::black_box(raw()))))
    }

    /// Sets the goal, in nanoseconds above the raw calls.
    #[must_use]
    pub fn goal(mut self, over_raw_ns: f64) -> Self {
        self.goal = Some(Goal { over_raw_ns, allocs: None });
        self
    }

    /// Adds the goal for allocations.
    #[must_use]
    pub fn goal_allocs(mut self, allocs: f64) -> Self {
        self.goal = self.goal.map(|goal| Goal { allocs: Some(allocs), ..goal });
        self
    }

    /// Adds a peer.
    #[must_use]
    pub fn peer(mut self, name: &'static str, op: impl FnMut() + 'static) -> Self {
        self.peers.push(Peer { name, op: Box::new(op), raw: None });
        self
    }

    /// Adds a peer whose operations are as short as ours.
    #[must_use]
    pub fn short_peer<T>(self, name: &'static str, mut op: impl FnMut() -> T + 'static) -> Self {
        self.peer(name, repeated(move || drop(std::hint::black_box(op()))))
    }

    /// Adds the raw calls of the last peer.
    #[must_use]
    pub fn peer_raw(mut self, raw: impl FnMut() + 'static) -> Self {
        if let Some(peer) = self.peers.last_mut() {
            peer.raw = Some(Box::new(raw));
        }
        self
    }
}

fn repeated(mut op: impl FnMut()) -> impl FnMut() {
    move || {
        for _ in 0..SHORT {
            op();
        }
    }
}

const SHORT: u32 = 256;
