{#- Written by python -m tests.support.dbt_models from sql/views/job_results.sql -#}
{% if captaindata.is_spark() %}

{{ captaindata.job_results_on_spark() }}

{% else %}

with source as (
    select * from {{ ref('stg_captaindata__job_results') }} as job_results
),

sub_jobs as (
    select
        workspace_uid,
        uid
    from {{ ref('stg_captaindata__jobs') }} as jobs
    where is_sub_job
),

repeated as (
    with recursive sub_jobs as (
        select
            workspace_uid,
            uid as job_uid,
            main_job_uid
        from {{ ref('stg_captaindata__jobs') }} as jobs
        where is_sub_job and main_job_uid <> uid
    ),

    ancestors as (
        select
            workspace_uid,
            job_uid,
            main_job_uid
        from sub_jobs
        union
        select
            ancestors.workspace_uid,
            ancestors.job_uid,
            sub_jobs.main_job_uid
        from ancestors
        inner join sub_jobs
            on
                ancestors.workspace_uid = sub_jobs.workspace_uid
                and ancestors.main_job_uid = sub_jobs.job_uid
    ),

    -- of jobs that name one another, none is the main job
    mains as (
        select
            ancestors.workspace_uid,
            ancestors.job_uid,
            ancestors.main_job_uid
        from ancestors
        left join ancestors as backwards
            on
                ancestors.workspace_uid = backwards.workspace_uid
                and ancestors.main_job_uid = backwards.job_uid
                and ancestors.job_uid = backwards.main_job_uid
        where backwards.job_uid is null
    ),

    -- each retry beside each of its main jobs
    compared as (
        select
            workspace_uid,
            job_uid,
            main_job_uid,
            job_uid as holder_uid,
            false as is_main
        from mains
        union all
        select
            workspace_uid,
            job_uid,
            main_job_uid,
            main_job_uid as holder_uid,
            true as is_main
        from mains
    ),

    held as (
        select
            compared.workspace_uid,
            compared.job_uid,
            compared.main_job_uid,
            compared.is_main,
            results.result_uid,
            results.position,
            md5({{ captaindata.same_json('results.data') }}) as content
        from compared
        inner join {{ ref('stg_captaindata__job_results') }} as results
            on
                compared.workspace_uid = results.workspace_uid
                and compared.holder_uid = results.job_uid
    ),

    -- equal results of both: their IDs in the retry, and how many the main job has
    equal as (
        select
            workspace_uid,
            job_uid,
            main_job_uid,
            content,
            array_agg(result_uid order by position, result_uid) filter (
                where not is_main
            ) as result_uids,
            cast(count(*) filter (where is_main) as int) as copies
        from held
        group by workspace_uid, job_uid, main_job_uid, content
        having count(*) filter (where is_main) > 0 and count(*) filter (where not is_main) > 0
    )

    select
        workspace_uid,
        unnest((result_uids)[1:copies]) as result_uid
    from equal
),

renamed as (
    select
        source.workspace_uid as workspace_id,
        source.workflow_uid as workflow_id,
        source.job_uid as job_id,
        source.result_uid as result_id,
        source.position,
        cast(source.data as json) as data,
        case
            when
                source.created_at between timestamptz '2016-01-01 00:00:00+00'
                and timestamptz '2099-12-31 23:59:59+00'
                then source.created_at
        end as created_at,
        sub_jobs.uid is not null as is_sub_job,
        (source.workspace_uid, source.result_uid) in (
            select
                repeated.workspace_uid,
                repeated.result_uid
            from repeated
        ) as is_repeated
    from source
    left join sub_jobs
        on
            source.workspace_uid = sub_jobs.workspace_uid
            and source.job_uid = sub_jobs.uid
)

select
    workspace_id,
    workflow_id,
    job_id,
    result_id,
    position,
    data,
    created_at,
    is_sub_job,
    is_repeated
from renamed

{% endif %}
