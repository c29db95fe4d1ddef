//! Français.

use fil_client::bridge::types::{Connection, FailureKind, Problem, RejectReason};

use super::Texts;

pub(super) static TEXTS: Texts = Texts {
    edited: "(modifié)",
    deleted: "(supprimé)",
    created: "{author} a commencé la conversation",
    joined: "{person} a rejoint la conversation (invitation de {author})",
    left: "{person} est parti·e",
    titled: "{author} a nommé le groupe « {title} »",
    signed_in: "{handle} ({name}) est en ligne dans {organisation}, sur {server}",
    signed_out: "session fermée",
    tokens_in_file: "pas de trousseau sur ce système : les jetons sont dans un fichier privé du profil",
    queued: "en attente",
    sent: "envoyé",
    group_begun: "groupe {id}",
    done: "fait",
    will_be_done: "en attente ; ce sera fait dès que le serveur répondra",
    nothing_found: "rien trouvé",
    no_conversations: "pas encore de conversation",
    status: "connexion : {connection}",
    waiting: "messages en attente d’envoi : {count}",
    rejected: "messages refusés : {count}",
    older_at_server: "les messages plus anciens sont sur le serveur, injoignable pour le moment",
    bridge_ready: "port {port}\njeton {token}",
    ask_password: "Mot de passe : ",
    ask_new_password: "Choisissez un mot de passe : ",
    ask_password_again: "Encore une fois : ",
    nobody_called: "personne et aucune conversation ne s’appelle {detail}",
    ambiguous: "plusieurs conversations s’appellent {detail} : utilisez l’identifiant affiché par `fil list`",
    no_message: "ce message n’existe pas : {detail}",
    signed_in_already: "la session de {detail} est déjà ouverte : fermez-la, ou prenez un autre --profile",
    no_password: "impossible de lire le mot de passe : {detail}",
    passwords_differ: "les deux mots de passe sont différents",
    timeout: "le délai est écoulé",
    connection,
    problem,
    failure,
    reject_reason,
};

fn connection(connection: Connection) -> &'static str {
    match connection {
        Connection::Offline => "hors ligne",
        Connection::Connecting => "connexion en cours",
        Connection::Syncing => "mise à jour en cours",
        Connection::Live => "en direct",
        Connection::Stopped => "arrêtée",
    }
}

fn problem(problem: Problem) -> &'static str {
    match problem {
        Problem::SignedOut => "le serveur a fermé cette session : reconnectez-vous, rien de non envoyé n’est perdu",
        Problem::AccountDisabled => "le compte a été désactivé",
        Problem::UpdateApp => "ce programme est trop ancien pour le serveur : mettez-le à jour",
        Problem::UpdateServer => "le serveur est trop ancien pour ce programme",
        Problem::DiskFull => "le disque est plein : la réception est suspendue",
        Problem::CacheRebuilt => "la copie locale était abîmée et se reconstruit ; rien de non envoyé n’est perdu",
        Problem::OutboxStuck => "le serveur échoue toujours sur le premier message en attente",
        Problem::SyncProblem => "la mise à jour tournait en rond et a été ralentie",
    }
}

fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::SignedOut => "aucune session ouverte : fil login",
        FailureKind::Offline => "le serveur est injoignable",
        FailureKind::WrongCredentials => "l’organisation, l’identifiant ou le mot de passe est faux",
        FailureKind::InviteInvalid => "l’invitation a déjà servi ou a expiré",
        FailureKind::NotAServer => "il n’y a pas de serveur Fil à cette adresse",
        FailureKind::RateLimited => "trop de tentatives : attendez un peu",
        FailureKind::Invalid => "saisie incorrecte",
        FailureKind::NotFound => "introuvable",
        FailureKind::Forbidden => "interdit",
        FailureKind::OutboxFull => "trop de messages attendent d’être envoyés",
        FailureKind::Unsent => "des messages attendent d’être envoyés : --discard-unsent les abandonne",
        FailureKind::DiskFull => "le disque est plein",
        FailureKind::Locked => "un autre programme utilise ce profil : fermez-le, ou prenez un autre --profile",
        FailureKind::NewerProfile => "une version plus récente de Fil a écrit ce profil : mettez celle-ci à jour",
        FailureKind::DamagedProfile => "la base de données de ce profil est abîmée ; rien n’a été touché",
        FailureKind::UpdateNeeded => {
            "une mise à jour est nécessaire : programme et serveur n’ont pas de version commune"
        }
        FailureKind::Internal => "erreur interne",
    }
}

fn reject_reason(reason: RejectReason) -> &'static str {
    match reason {
        RejectReason::NotFound => "refusé : la conversation n’existe plus, ou vous n’en faites plus partie",
        RejectReason::Forbidden => "refusé : vous n’avez pas ce droit ici",
        RejectReason::TooLarge => "refusé : le texte est trop long",
        RejectReason::Invalid => "refusé : le texte enfreint une règle",
        RejectReason::Unsupported => "refusé : le serveur est trop ancien pour cela",
    }
}
