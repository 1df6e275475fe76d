"""A snapshot as the page is told it: picked field by field, what is done for privacy in words.

    {schema, session, stream, seq, state, says, media_s, duration_s, mode, calibrated, heuristic,
     cautions: [words that stand wherever the numbers do],
     overall, current: {label, p_positive, interval, windows, age_s, stale}, confidence, judged, abstained, skipped,
     next_window_s, running, speaking,
     privacy: {capturing, faces, voice, kept, state clear|masked|held|whole-frame|null, masked_area, whole_frames},
     preview: "picture" | "none" | "off",
     nfbl: {state, per_min, person, people, unseen: [{group, reason}]},
     media: [{track, fps, received, released, dropped, gaps, queued, ended}], lag_s, loop_lag_s, rss_bytes,
     horizon: {seconds, bytes}, recording,
     links: [{source, tracks, state, reason, reconnects, silent_s, retry_s, drift_s, drift_ppm}],
     models: [{role, name, asked, failed, last_s, prompt_tokens, completion_tokens, cost}],
     outputs: [{name, state, reason, waiting}], degraded: [...], notices: [the latest eight]}

`says` is the state in words. `privacy.faces`, `voice` and `kept` are sentences; `capturing` is false where nothing is
captured. A field that is not known is null.
"""
