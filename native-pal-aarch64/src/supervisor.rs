//! The command's own process: it starts the members of the family, and nothing of the guest ever runs in it.
//!
//! It has one thread and never grows, so a copy of it is a fresh picoprocess. All members are its children: roots and
//! created ones by `fork`, copies of members by adoption (it is a subreaper). So it learns how each ended, and each
//! dies with it (`PR_SET_PDEATHSIG`). When the root ends, it ends the others, restores the terminal, and has the
//! root's exit code.
//!
//! Signals of the host (^C, hang-up, resize …) are reported to the family where somebody listens, and the root is
//! rung; a second SIGTERM or SIGHUP, or any where nobody listens, ends the family. ^Z stops the command when the family
//! says so, or where nobody listens.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pal_abi::PalError;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::family::{self, Family, Request, RequestWords, from_bytes, to_bytes};
use crate::sys::flags::Sender;
use crate::sys::roster::Roster;
use crate::sys::terminal::Terminal;
use crate::sys::{flags, fork, mask, parcel, signal};

/// What a new member starts with.
#[derive(Debug)]
pub(crate) struct Birth {
    /// The child's ends of the boot socket and of the channel's handle socket; none for the root.
    pub(crate) boot: Option<(OwnedFd, OwnedFd)>,
}

/// What the supervisor knows of a member.
#[derive(Debug)]
struct Member {
    pid: i32,
    /// Where its exit code goes; none for the root.
    end: Option<OwnedFd>,
    /// The code it announced.
    announced: Option<i32>,
    /// Where the host has no subreapers: a copy of a member, which is not a child of this process.
    foreign: Option<Foreign>,
}

/// A member that is another process's child.
#[derive(Debug)]
struct Foreign {
    /// Its number, held; readable when it has ended.
    held: OwnedFd,
    /// It dies when this closes.
    _lifeline: OwnedFd,
}

/// The supervisor's state.
struct Supervisor<'a> {
    requests: OwnedFd,
    control: OwnedFd,
    roster: Roster,
    members: HashMap<u32, Member>,
    by_pid: HashMap<i32, u32>,
    next: u32,
    limit: usize,
    adopts: bool,
    is_heard: bool,
    requests_to_end: u32,
    terminal: Terminal,
    begin: &'a dyn Fn(Birth),
}

/// The number of the root.
const ROOT: u32 = 1;

impl Member {
    fn send(&self, number: i32) {
        match &self.foreign {
            None => fork::kill(self.pid, number),
            // It may have ended by now.
            Some(foreign) => drop(fork::signal_through(foreign.held.as_fd(), number)),
        }
    }
}

/// How the family ended.
enum Fate {
    /// The root's exit code, or −n by signal n.
    Root(i32),
    /// A signal of the host was to end it.
    Signal(i32),
}

/// Runs a family whose members begin with `begin` (which does not return). Returns the root's exit code, or −n where
/// signal n ended it.
///
/// # Errors
/// Those of the host where not even the root could be started.
pub(crate) fn supervise(limit: usize, begin: &dyn Fn(Birth)) -> Result<i32, Errno> {
    let blocked = mask::block_all();
    let (requests, ask) = family::message_pair().map_err(|_| Errno::MFILE)?;
    let (control, hear) = family::message_pair().map_err(|_| Errno::MFILE)?;
    let roster = Roster::new(limit)?;
    raise_descriptor_limit();
    let adopts = fork::become_subreaper();
    family::establish(Family {
        requests: ask,
        control: hear,
        roster,
        supervisor: fork::process_id(),
        adopts,
    });
    let terminal = Terminal::save();
    mask::default(libc::SIGCHLD);
    mask::ignore(libc::SIGPIPE);
    for number in flags::WATCHED {
        flags::watch(*number);
    }
    let mut supervisor = Supervisor {
        requests,
        control,
        roster,
        members: HashMap::new(),
        by_pid: HashMap::new(),
        next: ROOT,
        limit,
        adopts,
        is_heard: false,
        requests_to_end: 0,
        terminal,
        begin,
    };
    supervisor.start(None, None)?;
    let fate = supervisor.run();
    supervisor.end_all();
    supervisor.terminal.restore();
    drop(blocked);
    Ok(match fate {
        Fate::Root(code) => code,
        Fate::Signal(number) => -number,
    })
}

/// Members hold one descriptor here each: the soft limit may be too low for a large family.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, the family is smaller.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

impl Supervisor<'_> {
    /// Serves until the family is to end.
    fn run(&mut self) -> Fate {
        loop {
            self.sleep();
            while let Some((number, sender)) = flags::next() {
                if let Some(fate) = self.signal(number, sender) {
                    return fate;
                }
            }
            if let Some(code) = self.reap() {
                return Fate::Root(code);
            }
            while self.serve() {}
        }
    }

    /// A number nobody has.
    fn allot(&mut self) -> Option<u32> {
        if self.members.len() >= self.limit {
            return None;
        }
        for _ in 0..=self.limit {
            let id = self.next;
            self.next = self.next.wrapping_add(1).max(ROOT);
            // Two members must not share a slot of the roster.
            let slots = u32::try_from(self.roster.slots()).unwrap_or(u32::MAX);
            let is_taken = self.members.keys().any(|m| (m - 1) % slots == (id - 1) % slots);
            if !is_taken {
                return Some(id);
            }
        }
        None
    }

    /// Starts a member; its number.
    fn start(&mut self, boot: Option<(OwnedFd, OwnedFd)>, end: Option<OwnedFd>) -> Result<u32, Errno> {
        let id = self.allot().ok_or(Errno::MFILE)?;
        let supervisor = fork::process_id();
        let pid = fork::fork()?;
        if pid == 0 {
            if !fork::die_with(supervisor) {
                fork::exit_now(1);
            }
            self.become_member(id);
            drop(end);
            (self.begin)(Birth { boot });
            fork::exit_now(1);
        }
        self.enter(id, Member { pid, end, announced: None, foreign: None });
        Ok(id)
    }

    /// In a new member: lets go of what is the supervisor's.
    fn become_member(&mut self, id: u32) {
        family::become_member(id);
        self.roster.make_read_only();
        self.members.clear();
        let nowhere =
            || rustix::fs::open("/dev/null", rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty());
        if let (Ok(one), Ok(other)) = (nowhere(), nowhere()) {
            self.requests = one;
            self.control = other;
        }
        flags::forget();
        for number in flags::WATCHED {
            // What the terminal sends to the whole group is the supervisor's to deal with.
            mask::ignore(*number);
        }
        if self.adopts {
            mask::default(libc::SIGCHLD);
        }
        mask::default(libc::SIGCONT);
    }

    fn enter(&mut self, id: u32, member: Member) {
        self.roster.enter(id, member.pid);
        self.by_pid.insert(member.pid, id);
        self.members.insert(id, member);
    }

    /// Takes one request. `false`: there was none.
    fn serve(&mut self) -> bool {
        let mut bytes = [0; size_of::<RequestWords>()];
        let mut fds = Vec::new();
        match parcel::receive(self.requests.as_fd(), &mut bytes, &mut fds, RecvFlags::DONTWAIT) {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
        let Some([what, a, b, _]) = from_bytes::<4>(&bytes) else { return true };
        let mut fds = fds.into_iter();
        match what {
            w if w == Request::Create as u32 => {
                if let (Some(answer), Some(end), Some(boot), Some(handles)) =
                    (fds.next(), fds.next(), fds.next(), fds.next())
                {
                    let result = self.start(Some((boot, handles)), Some(end));
                    reply(answer.as_fd(), result.map_err(host_error));
                }
            }
            w if w == Request::Adopt as u32 => {
                if let (Some(answer), Some(end), Some(lifeline)) = (fds.next(), fds.next(), fds.next()) {
                    self.adopt(a.cast_signed(), end, answer.as_fd(), lifeline);
                }
            }
            w if w == Request::Exit as u32 => {
                let id = self.by_pid.get(&a.cast_signed()).copied();
                if let Some(member) = id.and_then(|id| self.members.get_mut(&id)) {
                    member.announced = Some(b.cast_signed());
                }
            }
            w if w == Request::Kill as u32 => self.send(a, libc::SIGKILL),
            w if w == Request::Ring as u32 => self.send(a, signal::RING),
            w if w == Request::Listen as u32 => self.is_heard = true,
            w if w == Request::Stop as u32 => {
                self.stop(a.cast_signed());
                if let Some(answer) = fds.next() {
                    reply(answer.as_fd(), Ok(0));
                }
            }
            _ => {}
        }
        true
    }

    /// Takes a copy of a member into the family, and tells both it and its maker.
    fn adopt(&mut self, pid: i32, end: OwnedFd, answer: BorrowedFd<'_>, lifeline: OwnedFd) {
        let held = if self.adopts { None } else { fork::hold(pid).ok() };
        let result = match self.allot() {
            None => Err(PalError::TooMany),
            Some(_) if !self.adopts && held.is_none() => Err(PalError::NotSupported),
            Some(id) => Ok(id),
        };
        // Where it may not be a member, it ends itself when it reads this.
        if let Ok(id) = result {
            let foreign = held.map(|held| Foreign { held, _lifeline: lifeline });
            self.enter(id, Member { pid, end: Some(end), announced: None, foreign });
        }
        reply(answer, result);
        reply(answer, result);
    }

    /// Sleeps until there is something to do.
    fn sleep(&self) {
        let foreign = self.members.values().filter_map(|m| m.foreign.as_ref());
        flags::wait(std::iter::once(self.requests.as_fd()).chain(foreign.map(|f| f.held.as_fd())));
    }

    fn send(&self, id: u32, number: i32) {
        if let Some(member) = self.members.get(&id) {
            member.send(number);
        }
    }

    /// Reaps all that has ended: one signal may stand for many. The root's code, if it has.
    fn reap(&mut self) -> Option<i32> {
        let mut root = None;
        while let Ok(Some(pid)) = fork::ended_child() {
            // What was announced of it, and by it, is in the socket: a copy becomes a child here only after its
            // maker has announced it. Who is unknown after that is a maker whose own parent has ended.
            while self.serve() {}
            let id = self.by_pid.get(&pid).copied();
            if let Some(id) = id {
                self.roster.remove(id);
            }
            let status = fork::reap(pid);
            if let Some(id) = id {
                let code = self.bury(id, Some(status));
                if id == ROOT {
                    root = code;
                }
            }
        }
        if !self.adopts {
            let is_over = |m: &Member| m.foreign.as_ref().is_some_and(|f| flags::is_readable(f.held.as_fd()));
            let over: Vec<u32> = self.members.iter().filter(|(_, m)| is_over(m)).map(|(id, _)| *id).collect();
            if !over.is_empty() {
                while self.serve() {}
            }
            for id in over {
                self.roster.remove(id);
                self.bury(id, None);
            }
        }
        root
    }

    /// Forgets a member that has ended; its code. Without a status, it is what it announced, or that it was killed.
    fn bury(&mut self, id: u32, status: Option<i32>) -> Option<i32> {
        let member = self.members.remove(&id)?;
        self.by_pid.remove(&member.pid);
        let code = match status {
            Some(signal) if signal < 0 => signal,
            _ => member.announced.or(status).unwrap_or(-libc::SIGKILL),
        };
        if let Some(end) = &member.end {
            tell_end(end.as_fd(), code);
        }
        Some(code)
    }

    /// Deals with a signal of the host.
    fn signal(&mut self, number: i32, sender: Sender) -> Option<Fate> {
        let ends = matches!(number, libc::SIGINT | libc::SIGQUIT | libc::SIGTERM | libc::SIGHUP);
        if matches!(number, libc::SIGTERM | libc::SIGHUP) {
            self.requests_to_end += 1;
        }
        if ends && (!self.is_heard || self.requests_to_end > 1) {
            return Some(Fate::Signal(number));
        }
        match number {
            libc::SIGCHLD => {}
            libc::SIGTSTP if !self.is_heard => self.stop(number),
            _ => self.report(number, sender),
        }
        None
    }

    /// Tells the family of a signal, and rings the root to look.
    fn report(&self, number: i32, sender: Sender) {
        if self.is_heard {
            let record = to_bytes([number.cast_unsigned(), sender as u32]);
            // A family that does not listen for long loses the oldest news only by not taking newer ones.
            let _ = parcel::send(self.control.as_fd(), &record, &[], SendFlags::DONTWAIT);
            self.send(ROOT, signal::RING);
        }
    }

    /// Stops the family and itself; afterwards everything goes on.
    fn stop(&mut self, signal: i32) {
        self.send_all(libc::SIGSTOP);
        let guest_settings = Terminal::save();
        self.terminal.restore();
        mask::stop_by(signal);
        // Here somebody continued the command.
        self.terminal = Terminal::save();
        guest_settings.restore();
        self.send_all(libc::SIGCONT);
        self.report(libc::SIGCONT, Sender::Kernel);
    }

    fn send_all(&self, number: i32) {
        for member in self.members.values() {
            member.send(number);
        }
    }

    /// Kills and reaps every member that is left, those that are just being copied included.
    fn end_all(&mut self) {
        self.limit = 0;
        loop {
            self.send_all(libc::SIGKILL);
            while self.serve() {}
            self.reap();
            if self.members.is_empty() && fork::ended_child().is_err() {
                return;
            }
            self.sleep();
            while flags::next().is_some() {}
        }
    }
}

fn host_error(errno: Errno) -> PalError {
    match errno {
        Errno::NOMEM => PalError::NoMemory,
        _ => PalError::TooMany,
    }
}

fn reply(socket: BorrowedFd<'_>, result: Result<u32, PalError>) {
    let words = match result {
        Ok(id) => [0, id],
        Err(error) => [error.code().cast_unsigned(), 0],
    };
    // Who asked may be gone.
    let _ = parcel::send(socket, &to_bytes(words), &[], SendFlags::DONTWAIT);
}

fn tell_end(socket: BorrowedFd<'_>, code: i32) {
    // Nobody may be interested any more.
    let _ = parcel::send(socket, &to_bytes([code.cast_unsigned()]), &[], SendFlags::DONTWAIT);
}
