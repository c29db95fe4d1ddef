//! A database that is an older copy under the same epoch: clients know more than it, and the node acts on that.

use fil_protocol::{ClientFrame, ErrorCode, Hello};

use super::stage::{Stage, frame, hello_again};
use crate::testing::{ADA, BEN, EVE, actor, create_group, generation, group, send};

/// Says the hello that is one too many: it is welcomed and disconnected in one step.
fn tip(stage: &mut Stage, connection: u64, who: u8, hello: Hello) {
    let connected = stage.connected(connection, actor(who));
    stage.step(vec![connected, frame(connection, ClientFrame::Hello(hello))]);
    assert_eq!(stage.closed[&connection].1, ErrorCode::Unavailable);
}

/// Rows 26 and 50: evidence of three accounts begins a new epoch for everybody; of one or two, as often as they like,
/// it does not. Clients say hello with horizons that this database has never reached.
#[test]
fn clients_of_three_accounts_that_know_more_begin_a_new_epoch() {
    let mut stage = Stage::new();
    let epoch = stage.join(1, ADA).epoch;
    stage.run(1, create_group(1, "plan", &[BEN, EVE]));
    let ahead = |who: u8| hello_again(generation(who), epoch, 1_000, 0);
    assert_eq!(stage.join_with(2, ADA, ahead(ADA)).epoch, epoch);
    assert_eq!(stage.join_with(3, ADA, ahead(ADA)).epoch, epoch, "one account counts once");
    assert_eq!(stage.join_with(4, BEN, ahead(BEN)).epoch, epoch);
    assert!(!stage.closed.contains_key(&4));
    tip(&mut stage, 5, EVE, ahead(EVE));
    for connection in [3, 4, 5] {
        assert_eq!(stage.closed[&connection].1, ErrorCode::Unavailable, "everybody comes back");
    }
    let after = stage.join(6, ADA).epoch;
    assert_ne!(after, epoch);
    // Once in the life of a process, whatever is said after that.
    for (connection, who) in [(7, ADA), (8, BEN), (9, EVE)] {
        stage.join_with(connection, who, hello_again(generation(who), after, 1_000, 0));
    }
    assert_eq!(stage.join(10, BEN).epoch, after);
}

/// Row 50: a revision of the account or an acknowledged number that was never reached is evidence, too; what an honest
/// client of another epoch says is none.
#[test]
fn what_counts_as_knowing_more_than_the_database() {
    let mut stage = Stage::new();
    let welcome = stage.join(1, ADA);
    stage.run(1, create_group(1, "plan", &[BEN, EVE]));
    for (connection, who) in [(2, BEN), (3, EVE)] {
        stage.join(connection, who);
        stage.run(connection, send(group(1), who, "bonjour"));
    }
    let hello = |who: u8| hello_again(generation(who), welcome.epoch, 0, 0);
    let other = fil_protocol::Epoch::from([9; 16]);
    for who in [ADA, BEN, EVE] {
        let of_another =
            Hello { horizon: 1_000, account_rev: 1_000, acknowledged: 1_000, epoch: Some(other), ..hello(who) };
        assert_eq!(stage.join_with(10 + u64::from(who), who, of_another).epoch, welcome.epoch);
    }
    assert_eq!(stage.join(20, ADA).epoch, welcome.epoch, "another epoch is no evidence");
    stage.join_with(21, ADA, Hello { account_rev: 1_000, ..hello(ADA) });
    stage.join_with(22, BEN, Hello { acknowledged: 1_000, ..hello(BEN) });
    tip(&mut stage, 23, EVE, Hello { horizon: 1_000, ..hello(EVE) });
    assert_ne!(stage.join(24, ADA).epoch, welcome.epoch);
}
