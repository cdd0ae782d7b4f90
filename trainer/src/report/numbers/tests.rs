use model::measure::Measure;

use super::measure;

#[test]
fn measures_have_digits_of_their_own() {
    assert_eq!(measure(Measure::Auc, 0.7812), "0.781");
    assert_eq!(measure(Measure::LiftTopDecile, 2.913), "2.91×");
}
