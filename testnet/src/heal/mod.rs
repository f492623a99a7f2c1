//! Demos that break a real network on purpose and watch it heal: each is a claim made beforehand, and ends with a verdict.
//!
//! Owns: the language of scenarios, the scenarios, what is observed, the verdict. Does not own: processes (`processes`),
//! links (`links`), the load's lines (`load`), what must hold at the end of any run (`checks`, `witness`).
//!
//! Always true:
//! - what is printed as the prediction is what is judged: both come from the same steps;
//! - a fault counts only once it is proven that it took hold; a story whose fault did not is false;
//! - a step that this machine does not allow makes the story neither true nor false, and says why;
//! - every fault lives in this process or in one that dies with it, so all is healed however this program ends.
//!
//! The map: [`scenario`] (the language) and [`scenarios`] (the stories); [`stage`] plays one: it starts the network, has
//! `observe` fill the [`record`], `perform` break and heal, `judge` look; [`report`] and [`timeline`] show what came of it.
//! To add a story, copy a file in `scenarios`, change its lines, and name it in [`scenarios::all`].

mod dashboard;
mod finish;
mod judge;
mod machine;
mod mischief;
mod observe;
mod perform;
pub mod record;
pub mod report;
pub mod scenario;
pub mod scenarios;
mod slow_disk;
pub mod stage;
pub mod timeline;
