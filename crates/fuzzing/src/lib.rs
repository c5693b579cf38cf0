//! Every parser that faces a tenant or a client as a function of bytes that asserts what must hold whatever the bytes
//! are: for fuzzers (`make fuzz`), and for ordinary tests over a kept corpus and bounded mutations of it.
//!
//! **Invariants**: a target is a pure function of its input: no clock, no randomness, no file of the machine.
//! **Not here**: the assertions about private parsers, which stand beside them (`fuzzing` modules of the crates).

pub mod mutation;
mod targets;

/// A parser under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, also of its corpus (`fuzz/corpus/<name>`).
    pub name: &'static str,
    /// Takes any bytes; panics if something does not hold.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "agent_frames", run: targets::agent_frames },
    Target { name: "agent_page_token", run: coditect_agent::fuzzing::page_token },
    Target { name: "agent_path", run: coditect_agent::fuzzing::path },
    Target { name: "agent_precondition", run: coditect_agent::fuzzing::precondition },
    Target { name: "agent_range", run: coditect_agent::fuzzing::range },
    Target { name: "agent_screen", run: coditect_agent::fuzzing::screen },
    Target { name: "agent_shown_line", run: coditect_agent::fuzzing::shown_line },
    Target { name: "control_body", run: coditect_control::fuzzing::body },
    Target { name: "control_cookies", run: coditect_control::fuzzing::cookies },
    Target { name: "control_query", run: coditect_control::fuzzing::query },
    Target { name: "control_record", run: coditect_control::fuzzing::record },
    Target { name: "control_ticket_path", run: coditect_control::fuzzing::ticket_path },
    Target { name: "control_token", run: coditect_control::fuzzing::token },
    Target { name: "host_agent_answer", run: coditect_host::fuzzing::agent_answer },
    Target { name: "host_names", run: coditect_host::fuzzing::names },
    Target { name: "host_port_handover", run: coditect_host::fuzzing::port_handover },
    Target { name: "model_names", run: targets::model_names },
    Target { name: "router_agent_path", run: coditect_router::fuzzing::agent_path },
    Target { name: "router_cookies", run: coditect_router::fuzzing::cookie_headers },
    Target { name: "router_headers", run: coditect_router::fuzzing::passed_headers },
    Target { name: "router_host", run: coditect_router::fuzzing::host },
    Target { name: "router_origin", run: coditect_router::fuzzing::origin },
    Target { name: "router_return_path", run: coditect_router::fuzzing::return_path },
    Target { name: "sandbox_groups", run: coditect_sandbox::fuzzing::groups },
    Target { name: "sandbox_message", run: coditect_sandbox::fuzzing::message },
    Target { name: "sandbox_record", run: targets::sandbox_record },
    Target { name: "store_tuple", run: targets::store_tuple },
    Target { name: "store_tuple_order", run: targets::store_tuple_order },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

/// A token of each audience that the control plane's target believes: the beginning of its corpus.
#[must_use]
pub fn good_tokens() -> Vec<String> {
    coditect_control::fuzzing::good_tokens()
}
