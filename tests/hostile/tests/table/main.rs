//! The table of hostile input: every door of the house, with everything that must not come through it.
//!
//! One file per door. The cases are data, each with the typed answer that it must get; every case of a door runs against a
//! real server, which afterwards has the same rows in its database and answers the neighbour as before. What a case means
//! for the failure catalogue is named at its door.

mod beside;
mod bodies;
mod bomb;
mod bridge;
mod cli;
mod commands;
mod floods;
mod frames;
mod handshake;
mod ids;
mod liar;
mod lies;
mod route;
mod routes;
mod stage;
mod tls;
mod tokens;
mod victim;

/// The promise of the table: what is counted here is what the doors run through, case by case.
#[test]
fn there_are_at_least_three_hundred_cases() {
    let doors = [
        frames::count(),
        commands::count(),
        handshake::count(),
        tls::count(),
        routes::count(),
        beside::count(),
        bodies::count(),
        tokens::count(),
        floods::count(),
        cli::count(),
        victim::count(),
        bridge::count(),
    ];
    for (door, cases) in doors {
        println!("{cases:>5} {door}");
    }
    let cases: usize = doors.iter().map(|(_, cases)| cases).sum();
    println!("{cases} hostile cases over {} doors", doors.len());
    assert!(cases >= 300, "{cases} hostile cases");
    assert!(doors.iter().all(|(_, cases)| *cases > 0));
}
