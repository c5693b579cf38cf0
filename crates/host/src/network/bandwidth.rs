//! A token bucket (tc-tbf(8)) as the queue of an interface.
//!
//! **Not here**: where the queues are (`link`).

use netlink_packet_core::DefaultNla;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage, TcOption};

use super::netlink::Route;

/// Attributes of linux/pkt_sched.h.
const TCA_TBF_PARMS: u16 = 1;
const TCA_TBF_RATE64: u16 = 4;
const TCA_TBF_BURST: u16 = 6;
/// The kernel's name for lengths without link-layer cells.
const LINKLAYER_ETHERNET: u8 = 1;
/// Milliseconds of traffic that may go at once.
const BURST_MS: u64 = 10;
/// Milliseconds of traffic that may wait.
const QUEUE_MS: u64 = 100;
/// Least burst in bytes: one packet as large as the kernel builds them before cutting.
const BURST_MIN_BYTES: u64 = 64 * 1024;
/// The queue's own number, so that it is replaced and not added to.
const HANDLE: TcHandle = TcHandle { major: 1, minor: 0 };

/// The request that lets this much out of an interface, in thousands of bits per second.
pub(super) fn queue(interface: u32, kbit: u32) -> Route {
    let mut message = TcMessage::default();
    message.header.family = AddressFamily::Unspec;
    message.header.index = i32::try_from(interface).unwrap_or(0);
    message.header.handle = HANDLE;
    message.header.parent = TcHandle::ROOT;
    let options = options(kbit).into_iter().map(|(kind, value)| TcOption::Other(DefaultNla::new(kind, value)));
    message.attributes = vec![TcAttribute::Kind("tbf".to_owned()), TcAttribute::Options(options.collect())];
    Route::NewQueueDiscipline(message)
}

fn options(kbit: u32) -> Vec<(u16, Vec<u8>)> {
    let rate = u64::from(kbit.max(1)) * 1000 / 8;
    let burst = (rate * BURST_MS / 1000).max(BURST_MIN_BYTES);
    let waiting = burst + (rate * QUEUE_MS / 1000).max(BURST_MIN_BYTES);
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_ne_bytes();
    // struct tc_tbf_qopt: two struct tc_ratespec of twelve bytes, limit, buffer, mtu. The kernel takes the rate from the
    // wide attribute and the burst from its own.
    let mut parameters = vec![0; 36];
    parameters[1] = LINKLAYER_ETHERNET;
    parameters[8..12].copy_from_slice(&narrow(rate));
    parameters[24..28].copy_from_slice(&narrow(waiting));
    parameters[28..32].copy_from_slice(&narrow(burst));
    vec![
        (TCA_TBF_PARMS, parameters),
        (TCA_TBF_RATE64, rate.to_ne_bytes().to_vec()),
        (TCA_TBF_BURST, narrow(burst).to_vec()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_rates_still_pass_whole_packets_and_great_ones_do_not_wrap() {
        for (kbit, rate, burst) in
            [(64, 8_000, 65_536), (50_000, 6_250_000, 65_536), (u32::MAX, 536_870_911_875, u32::MAX)]
        {
            let options = options(kbit);
            let number = |kind: u16| options.iter().find(|(found, _)| *found == kind).unwrap().1.clone();
            assert_eq!(number(TCA_TBF_RATE64), u64::to_ne_bytes(rate), "{kbit}");
            assert_eq!(number(TCA_TBF_BURST), u32::to_ne_bytes(burst), "{kbit}");
            assert_eq!(number(TCA_TBF_PARMS).len(), 36);
        }
    }
}
