function __pmlctl_profiles
    pmlctl --json list 2>/dev/null | string match -ar '"profile":"([^"]*)"' --groups-only
end
function __pmlctl_jobs
    pmlctl --json jobs 2>/dev/null | string match -ar '"job":"([^"]*)"' --groups-only
end
set -l verbs list status jobs kill reload show check doctor top suggest wrap unwrap bench
complete -c pmlctl -n "not __fish_seen_subcommand_from $verbs" -f -a "$verbs"
complete -c pmlctl -n "__fish_seen_subcommand_from status reload show doctor top jobs" -f -a "(__pmlctl_profiles)"
complete -c pmlctl -n "__fish_seen_subcommand_from kill" -f -a "(__pmlctl_jobs)"
complete -c pmlctl -n "__fish_seen_subcommand_from wrap unwrap" -f -a "(__fish_complete_command)"
complete -c pmlctl -s p -l profile -x -a "(__pmlctl_profiles)" -d "profile"
complete -c pmlctl -l socket -r -d "socket of a service"
complete -c pmlctl -l json -d "JSON instead of tables"
complete -c pmlctl -l no-pager -d "never through a pager"
complete -c pmlctl -s h -l help -d "help"
complete -c pmlctl -l version -d "version"
