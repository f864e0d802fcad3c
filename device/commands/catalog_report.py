"""How ``attune catalog`` tells what a build did and what a catalogue holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from catalog.builder.building import BuildReport
from catalog.library import CatalogInfo
from catalog.plain import plain

SHOWN_FAILURES = 20
"""Failed files a build names; `attune catalog info --failures` names all."""


def report_json(report: BuildReport, folder: Path) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "found": report.found,
        "unchanged": report.unchanged,
        "analysed": report.analysed,
        "moved": report.moved,
        "removed": report.removed,
        "in_index": report.in_index,
        "not_taken": report.not_taken,
        "without_evidence": report.without_evidence,
        "failures": [{"path": str(one.path), "reason": one.reason} for one in report.failures],
        "notices": report.notices,
        "interrupted": report.interrupted,
        "seconds": round(report.seconds, 3),
    }


def report_text(report: BuildReport, folder: Path) -> str:
    lines = [
        f"{report.found:,} files: {report.analysed:,} analysed, {report.unchanged:,} as before,"
        f" {report.moved:,} moved or copied, {report.removed:,} gone ({report.seconds:.1f} s)"
    ]
    if report.not_taken:
        kinds = ", ".join(f"{ending} ({count:,})" for ending, count in report.not_taken.items())
        lines.append(
            f"{sum(report.not_taken.values()):,} not taken: {kinds}: kinds that are not read;"
            " convert what is music, to .flac say"
        )
    for reason, count in report.without_evidence.items():
        lines.append(f"{count:,} not in the index: {plain(reason)}")
    lines += report.notices
    if report.failures:
        lines.append(f"{len(report.failures):,} could not be taken:")
        shown = report.failures[:SHOWN_FAILURES]
        lines += [f"  {plain(one.path)}: {plain(one.reason)}" for one in shown]
        if len(report.failures) > SHOWN_FAILURES:
            lines.append("  ... all of them: attune catalog info --failures")
    if report.interrupted:
        lines.append("stopped; what was done is kept, run it again to go on")
    else:
        lines.append(f"{report.in_index:,} tracks to choose from in {folder}")
    return "\n".join(lines)


def info_json(info: CatalogInfo) -> dict[str, Any]:
    return {
        "folder": str(info.folder),
        "music": [str(path) for path in info.music],
        "tracks": info.tracks_in_store,
        "in_index": info.tracks_in_index,
        "duration_s": round(info.duration_s, 1),
        "without_evidence": info.without_evidence,
        "genres": info.genres,
        "languages": info.languages,
        "banned": list(info.banned),
        "artists": len(info.artists),
        "evidence": info.evidence,
        "failures": [{"path": str(one.path), "reason": one.reason} for one in info.failures],
        "index": {
            "space": info.index.space,
            "dimension": info.index.dimension,
            "metric": info.index.metric,
            "bytes": info.index.bytes,
            "sha256": info.index.sha256,
        },
        "store_bytes": info.store_bytes,
    }


def info_text(info: CatalogInfo, all_failures: bool) -> str:
    def counted(counts: dict[str, int]) -> str:
        named = [f"{name or 'none'} {count:,}" for name, count in list(counts.items())[:8]]
        return ", ".join(named) + (" ..." if len(counts) > 8 else "") or "none"

    hours = info.duration_s / 3600
    lines = [
        f"catalogue   {info.folder}",
        f"music       {', '.join(str(path) for path in info.music)}",
        f"tracks      {info.tracks_in_index:,} of {info.tracks_in_store:,} to choose from;"
        f" {hours:.1f} hours, {len(info.artists):,} artists",
        f"genres      {counted(info.genres)}",
        f"languages   {counted(info.languages)}",
        f"evidence    {counted(info.evidence)}",
        f"index       {info.index.space}, {info.index.dimension} numbers a track,"
        f" {info.index.bytes / 1e6:.1f} MB; store {info.store_bytes / 1e6:.1f} MB",
    ]
    lines += [f"left out    {n:,}: {plain(why)}" for why, n in info.without_evidence.items()]
    if info.banned:
        lines.append(f"banned      {', '.join(map(str, info.banned))}")
    lines.append(f"failed      {len(info.failures):,} files")
    if all_failures:
        lines += [f"  {plain(one.path)}: {plain(one.reason)}" for one in info.failures]
    return "\n".join(lines)
