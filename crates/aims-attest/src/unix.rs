//! What a kernel says about the process at the other end of a Unix socket.

use std::time::Duration;

use aims_jose::json::{self, JsonError, Limits, ObjectWriter, Value};
use aims_keys::{Backend, UnixTime};

use crate::hex::{digest, hexadecimal};
use crate::{
    Appraisal, AppraisalBuilder, Asked, Evidence, EvidenceTooLarge, EvidenceType, Freshness, Level, Reason,
    Selector, Verdict, Verifier,
};

/// Facts about a process, as a collector on the same machine read them. The collector is what is trusted: it is a part of the issuer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnixProcess {
    /// The process, in the name space of the collector.
    pub pid: u32,
    /// When it was started, in ticks since the machine was.
    pub start_time: u64,
    /// The effective user when it connected.
    pub uid: u32,
    /// The effective group when it connected.
    pub gid: u32,
    /// The supplementary groups.
    pub groups: Vec<u32>,
    /// The name of the user, if it is known.
    pub user: Option<String>,
    /// The name of the group, if it is known.
    pub group: Option<String>,
    /// The path of the program, in the process's own view of the file system: it can be anything that the process wants.
    pub path: Option<String>,
    /// SHA-256 of the program.
    pub sha256: Option<[u8; 32]>,
}

impl UnixProcess {
    /// As evidence.
    ///
    /// # Errors
    ///
    /// [`EvidenceTooLarge`], of a process in more groups than anybody can be in.
    pub fn to_evidence(&self, now: UnixTime) -> Result<Evidence, EvidenceTooLarge> {
        let mut writer = ObjectWriter::with_capacity(512);
        writer.u64("pid", self.pid.into()).u64("start_time", self.start_time);
        writer.u64("uid", self.uid.into()).u64("gid", self.gid.into());
        writer.array("groups", |groups| {
            for &group in &self.groups {
                groups.u64(group.into());
            }
        });
        for (name, value) in [("user", &self.user), ("group", &self.group), ("path", &self.path)] {
            if let Some(value) = value {
                writer.str(name, value);
            }
        }
        if let Some(digest) = &self.sha256 {
            writer.str("sha256", &hexadecimal(digest));
        }
        // INVARIANT: the names differ, the only thing `finish` can object to.
        let payload = writer.finish().unwrap_or_default();
        Evidence::new(EvidenceType::UnixPeer, payload.into_bytes(), now)
    }

    /// Reads what [`to_evidence`](Self::to_evidence) wrote.
    fn read(payload: &[u8]) -> Option<Self> {
        let mut process = Self::default();
        let mut seen = 0_u8;
        let number = |value: Value<'_>| value.as_number().and_then(json::Number::as_u64);
        let id = |value: Value<'_>| number(value).and_then(|number| u32::try_from(number).ok());
        let text = |value: Value<'_>| value.as_str().map(std::borrow::Cow::into_owned);
        json::read_object(payload, &Limits::new(), |name, value| {
            let read = match &*name.as_str() {
                "pid" => id(value).map(|pid| (process.pid, seen) = (pid, seen | 1)),
                "start_time" => number(value).map(|start| (process.start_time, seen) = (start, seen | 2)),
                "uid" => id(value).map(|uid| (process.uid, seen) = (uid, seen | 4)),
                "gid" => id(value).map(|gid| (process.gid, seen) = (gid, seen | 8)),
                "groups" => value.as_array().and_then(|mut groups| {
                    groups.try_for_each(|group| id(group).map(|group| process.groups.push(group)))
                }),
                "user" => text(value).map(|user| process.user = Some(user)),
                "group" => text(value).map(|group| process.group = Some(group)),
                "path" => text(value).map(|path| process.path = Some(path)),
                "sha256" => {
                    text(value).and_then(|text| digest(&text)).map(|digest| process.sha256 = Some(digest))
                }
                _ => None,
            };
            read.ok_or(Unreadable)
        })
        .ok()?;
        // A process 0 is one of another name space: nobody here knows it (ATT-45).
        (seen == 15 && process.pid != 0).then_some(process)
    }
}

/// Appraises the process at the other end of a Unix socket, as [`UnixProcess`] describes it.
///
/// It proves that a process with these properties made the connection and was there when it was looked at: not that the same program still
/// runs in it a moment later, and nothing about a script that an interpreter runs, whose program is the interpreter (ATT-43, ATT-44). Selectors are
/// `unix:uid`, `unix:gid`, `unix:supplementary_gid`, `unix:user`, `unix:group`, `unix:path` (weak: the process's own view) and `unix:sha256`.
///
/// ```
/// use aims_attest::{Asked, Proven, UnixProcess, UnixVerifier, Verifier};
/// use aims_keys::{UnixTime, backend};
///
/// let now = UnixTime::from_secs(1_790_000_000);
/// let mut process = UnixProcess::default();
/// (process.pid, process.uid, process.gid) = (4711, 1000, 100);
/// let appraisal = UnixVerifier::new(backend::ring()).appraise(&process.to_evidence(now)?, &Asked::at(now));
/// assert!(Proven::of([&appraisal], now).matches(&["unix:uid:1000".parse().unwrap()]).is_some());
/// # Ok::<(), aims_attest::EvidenceTooLarge>(())
/// ```
#[derive(Clone, Debug)]
pub struct UnixVerifier {
    backend: Backend,
    lifetime: Duration,
    max_age: Duration,
}

impl UnixVerifier {
    /// Takes evidence of the last ten seconds, and believes it for an hour: what is issued on it ends by then.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend, lifetime: Duration::from_secs(3600), max_age: Duration::from_secs(10) }
    }

    /// How long what was found counts. Default: 1 h; at most 24 h.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(Duration::from_secs(86_400));
        self
    }
}

impl Verifier for UnixVerifier {
    fn evidence_type(&self) -> &EvidenceType {
        &EvidenceType::UnixPeer
    }

    fn appraise(&self, evidence: &Evidence, asked: &Asked<'_>) -> Appraisal {
        let now = asked.now();
        let refused =
            |reason| Appraisal::refused(evidence, VERIFIER, Verdict::Rejected(reason), now, self.backend);
        if evidence.evidence_type() != self.evidence_type() {
            return refused(Reason::UnsupportedType);
        }
        if evidence.format_version() != 1 {
            return refused(Reason::UnsupportedVersion);
        }
        let age = now.since(evidence.collected_at()).max(evidence.collected_at().since(now));
        if age > self.max_age {
            return refused(Reason::Stale);
        }
        let Some(process) = UnixProcess::read(evidence.payload()) else { return refused(Reason::Malformed) };
        let builder = Appraisal::accepted(evidence, VERIFIER, (now, now + self.lifetime), self.backend)
            .level(Level::OBSERVED);
        let builder = builder.freshness(Freshness::Timestamp);
        let builder =
            builder.claim("pid", process.pid.to_string()).claim("start_time", process.start_time.to_string());
        selectors(&process).into_iter().fold(builder, AppraisalBuilder::selector).build()
    }
}

fn selectors(process: &UnixProcess) -> Vec<Selector> {
    let mut values = Vec::new();
    // ATT-45: whoever has no number here has this one, and so has everybody else who has none.
    let is_known = |id: u32| id != OVERFLOW && id != u32::MAX;
    if is_known(process.uid) {
        values.push(format!("uid:{}", process.uid));
        values.extend(process.user.as_ref().map(|user| format!("user:{user}")));
    }
    if is_known(process.gid) {
        values.push(format!("gid:{}", process.gid));
        values.extend(process.group.as_ref().map(|group| format!("group:{group}")));
    }
    let groups = process.groups.iter().filter(|group| is_known(**group));
    values.extend(groups.map(|group| format!("supplementary_gid:{group}")));
    values.extend(process.path.as_ref().map(|path| format!("path:{path}")));
    values.extend(process.sha256.as_ref().map(|digest| format!("sha256:{}", hexadecimal(digest))));
    // A path with a line break in it is no selector, and proves nothing.
    values.iter().filter_map(|value| Selector::new("unix", value).ok()).collect()
}

/// The payload is not a description of a process.
struct Unreadable;

impl From<JsonError> for Unreadable {
    fn from(_: JsonError) -> Self {
        Self
    }
}

const VERIFIER: &str = "unix";

/// What the kernel says of a user or group that has no number in this name space.
const OVERFLOW: u32 = 65_534;
